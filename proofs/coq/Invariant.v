(** What holds in every reachable state, and that it does. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local System.

Section Invariant.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation urec := (@urec Op).
Notation rm := (@rm Op Val).
Notation st := (@st Op Val).

Lemma upd_eq {A} (f : nat -> A) i x : upd f i x i = x.
Proof. unfold upd; now rewrite Nat.eqb_refl. Qed.
Lemma upd_neq {A} (f : nat -> A) i x j : j <> i -> upd f i x j = f j.
Proof. intros H; unfold upd; apply Nat.eqb_neq in H; now rewrite H. Qed.
Lemma updc_neq {A} (f : cid -> A) i x j : j <> i -> updc f i x j = f j.
Proof.
  intros H; unfold updc. destruct (ceqb j i) eqn:E; auto. apply ceqb_spec in E; easy.
Qed.
Lemma updc_eq {A} (f : cid -> A) i x : updc f i x i = x.
Proof. unfold updc. replace (ceqb i i) with true; auto. symmetry; now apply ceqb_spec. Qed.
Ltac at_i j i := destruct (Nat.eq_dec j i) as [->|?Hn];
  [rewrite ?upd_eq in *|rewrite ?(upd_neq _ i _ j) in * by assumption].

Lemma nR_nM i : i < nR -> i < nM.
Proof. unfold nM. lia. Qed.
Hint Resolve nR_nM : core.

Definition below (s : st) (v : vec) : Prop := forall c, c < nR -> get v c <= top s c.

(** Of a past that no lie went into. *)
Definition hon (s : st) (v : vec) : Prop := lied s = false -> below s v /\ Gen (acc s) v.

Fixpoint GenOrd (l : list urec) : Prop :=
  match l with
  | [] => True
  | r :: t => Gen t (r_prev r) /\ (forall x, In x t -> get (r_prev x) (r_org r) < r_seq r) /\ GenOrd t
  end.

(** Why identifiers may be forgotten. Whoever holds what [v] covers refuses all that this acknowledges; so
    [k] has made no record of those beyond its own count [n]. *)
Definition QM (s : st) (k : nat) (v : vec) (n : nat) : Prop :=
  forall a r, In a (acc s) -> In r (acc s) -> r_seq a <= get v (r_org a) -> r_org r = k ->
    fst (r_cid r) = fst (r_cid a) -> snd (r_cid r) < r_ack a -> r_seq r <= n.

Definition seen (s : st) (d : list urec) (t : vec) : Prop :=
  forall r, In r d -> In r (acc s) /\ vle (r_ts r) t.

Definition NI (s : st) (m : msg) : Prop :=
  match m with
  | MReq q => snd (q_cid q) < fcnt (fes s (fst (q_cid q))) /\ seen s (gdep s (q_cid q)) (q_prev q) /\
      gsub s (q_cid q) = Some (q_op q, q_prev q) /\ hon s (q_prev q)
  | MRep c t d => seen s d t /\ hon s t /\ exists r, In r d /\ r_cid r = c
  | MGsp g => g_src g < nM /\ g_dst g < nM /\ incl (g_log g) (acc s) /\
      (forall r, In r (g_log g) -> r_seq r <= get (rts (rms s (g_src g))) (r_org r)) /\
      (g_comp g = true ->
        vle (g_ts g) (rts (rms s (g_src g))) /\
        (forall k, k < nM -> member s k -> vle (nth k (g_tbl g) []) (rts (rms s k))) /\
        (forall k, k < nR -> heir s k = g_src g -> QM s k (g_ts g) (get (g_ts g) k)) /\
        (forall k, k < nR -> QM s k (nth (heir s k) (g_tbl g) []) (get (g_ts g) k)))
  | MQry c prev d => seen s d prev
  | MQrep c v t d h => below s t /\ Gen (acc s) t /\
      (forall r, In r h <-> In r (acc s) /\ vle (r_ts r) t) /\
      incl d h /\ v = replay [] v0 h /\ ordered (acc s) h
  | MTell t d => seen s d t /\ hon s t
  end.

Record Inv (s : st) : Prop := {
  I_loc : forall i, i < nM -> LI (acc s) i (rms s i) (hist s i);
  I_fix : forall i, i < nM -> LF (rms s i);
  I_wf : forall r, In r (acc s) -> WF r /\ r_seq r <= top s (r_org r);
  I_rts : forall i, i < nM -> below s (rts (rms s i));
  I_uniq : forall r r', In r (acc s) -> In r' (acc s) -> r_org r = r_org r' -> r_seq r = r_seq r' -> r = r';
  I_hon : lied s = false -> (forall r, In r (acc s) -> below s (r_prev r)) /\ GenOrd (acc s);
  I_tbl : forall i j, i < nM -> j < nM -> member s j -> vle (tget (rms s i) j) (rts (rms s j));
  I_gone : forall i j, i < nM -> j < nM -> member s j -> minds i j -> vle (gone (rms s i)) (rts (rms s j));
  I_tblq : forall i k, i < nM -> k < nR -> QM s k (tget (rms s i) (heir s k)) (get (rts (rms s i)) k);
  I_goneq : forall i k, i < nM -> k < nR -> QM s k (gone (rms s i)) (get (rts (rms s i)) k);
  I_net : forall m, In m (net s) -> NI s m;
  I_fe : forall f, seen s (fdep (fes s f)) (fts (fes s f)) /\ hon s (fts (fes s f));
  I_fresh : forall r, In r (acc s) -> snd (r_cid r) < fcnt (fes s (fst (r_cid r)));
  I_dep : forall r, In r (acc s) -> seen s (gdep s (r_cid r)) (r_prev r);
  I_sub : forall r, In r (acc s) -> gsub s (r_cid r) = Some (r_op r, r_prev r);
  I_dead : forall i c, i < nM -> In c (map r_cid (hist s i)) -> ~ In c (keys (rms s i)) ->
             (forall k, k < nR -> member s k -> snd c < lowof (fin (rms s k)) (fst c)) /\
             (forall r, In r (acc s) -> r_cid r = c -> In r (hist s i));
  I_heir : places (heir s);
  I_most : forall k, k < nR -> top s k <= get (rts (rms s (heir s k))) k;
  I_cnt : forall c n, c < nR -> 0 < n -> n <= top s c -> exists r, In r (acc s) /\ r_org r = c /\ r_seq r =
    n }.

(** ** Monotone extension of states *)
Record ext (s s' : st) : Prop := {
  E_acc : incl (acc s) (acc s');
  E_new : forall r, In r (acc s') -> In r (acc s) \/ (r_org r < nR /\ top s (r_org r) < r_seq r);
  E_rts : forall i, i < nM -> vle (rts (rms s i)) (rts (rms s' i));
  E_cnt : forall f, fcnt (fes s f) <= fcnt (fes s' f);
  E_dep : forall c, snd c < fcnt (fes s (fst c)) -> gdep s' c = gdep s c;
  E_sub : forall c, snd c < fcnt (fes s (fst c)) -> gsub s' c = gsub s c;
  E_ref : forall r, In r (acc s') -> In r (acc s) \/
            (member s (r_org r) /\ lowof (fin (rms s (r_org r))) (fst (r_cid r)) <= snd (r_cid r));
  E_heir : heir s' = heir s;
  E_lie : lied s' = false -> lied s = false }.

Lemma ext_top s s' c : ext s s' -> c < nR -> top s c <= top s' c.
Proof. intros E Hc. apply (E_rts _ _ E c (nR_nM _ Hc) c Hc). Qed.

Lemma ext_below s s' v : ext s s' -> below s v -> below s' v.
Proof. intros E B c Hc. specialize (B c Hc). pose proof (ext_top _ _ c E Hc). lia. Qed.

Lemma below_vle s u v : below s v -> vle u v -> below s u.
Proof. intros B H c Hc. specialize (B c Hc); specialize (H c Hc); lia. Qed.

Lemma below_vmax s u v : below s u -> below s v -> below s (vmax nR u v).
Proof. intros Hu Hv c Hc. rewrite get_vmax by assumption. specialize (Hu c Hc); specialize (Hv c Hc); lia.
  Qed.

Lemma hon_vmax s u v : hon s u -> hon s v -> hon s (vmax nR u v).
Proof.
  intros Hu Hv E. destruct (Hu E), (Hv E). split; [now apply below_vmax|now apply Gen_vmax].
Qed.

Lemma hon_ext s s' v : ext s s' -> hon s v -> hon s' v.
Proof.
  intros E H L. destruct (H (E_lie _ _ E L)) as [A B]. split; [eapply ext_below; eauto|].
  eapply Gen_incl; [apply E|auto].
Qed.

Lemma seen_ext s s' d t : ext s s' -> seen s d t -> seen s' d t.
Proof. intros E H r Hr. destruct (H r Hr). split; auto. now apply (E_acc _ _ E). Qed.

Lemma ext_old s s' v r : ext s s' -> below s v -> In r (acc s') -> r_seq r <= get v (r_org r) -> In r (acc s).
Proof.
  intros E B Hin Hle. destruct (E_new _ _ E r Hin) as [?|[Ho Hn]]; auto.
  specialize (B _ Ho). lia.
Qed.

Lemma ordered_grow s s' h : ext s s' ->
  (forall r, In r (acc s') -> WF r) ->
  (forall r, In r h -> below s (r_prev r)) ->
  ordered (acc s) h -> ordered (acc s') h.
Proof.
  intros E W B O l1 r l2 Eq r' Hin Hle. eapply O; eauto.
  eapply ext_old with (v := r_prev r); eauto.
  - apply B. rewrite Eq. apply in_or_app; right; now left.
  - apply WF_seq_le; auto.
Qed.

Lemma LI_grow s s' i a h : ext s s' -> (forall r, In r (acc s') -> WF r) ->
  below s (rts a) -> LI (acc s) i a h -> LI (acc s') i a h.
Proof.
  intros E W B L. constructor; try apply L.
  - intros r. rewrite (L_corr _ _ _ _ L r). split; intros [H1 H2]; split; auto.
    + now apply (E_acc _ _ E).
    + eapply ext_old; eauto.
  - eapply ordered_grow; eauto; [|apply L]. intros r Hr.
    eapply below_vle; [exact B|]. eapply vle_trans; [|apply (L_vr _ _ _ _ L)].
    eapply vle_trans; [|apply (L_hv _ _ _ _ L _ Hr)]. apply WF_prev_ts, W, (E_acc _ _ E).
    apply (L_corr _ _ _ _ L). apply in_or_app; now left.
Qed.

Lemma QM_le s k u v m n : vle u v -> m <= n -> (forall r, In r (acc s) -> WF r) -> QM s k v m -> QM s k u n.
Proof.
  intros Hu Hn W Q a r Ha Hr Hle. specialize (Q a r Ha Hr). specialize (Hu (r_org a) (proj1 (W a Ha))).
  intros. assert (r_seq r <= m) by (apply Q; auto; lia). lia.
Qed.

Lemma QM_vmax s k u v n : (forall r, In r (acc s) -> WF r) -> QM s k u n -> QM s k v n -> QM s k (vmax nR u
  v) n.
Proof.
  intros W Hu Hv a r Ha Hr Hle. rewrite get_vmax in Hle by apply (W a Ha). intros.
  destruct (Nat.max_spec (get u (r_org a)) (get v (r_org a))) as [[_ E]|[_ E]]; rewrite E in Hle.
  - apply (Hv a r); auto.
  - apply (Hu a r); auto.
Qed.

Lemma QM_own s k v : Inv s -> QM s k v (top s k).
Proof. intros I a r Ha Hr _ Ho _ _. rewrite <- Ho. apply (I_wf _ I r Hr). Qed.

Lemma QM_ext s s' k v n : Inv s -> ext s s' -> k < nR -> below s v -> (member s k -> vle v (rts (rms s k))) ->
  QM s k v n -> QM s' k v n.
Proof.
  intros I E Hk Hb Hv Q a r Ha Hr Hle Ho Hf Hs.
  assert (Ha' : In a (acc s)) by (eapply ext_old; eauto).
  destruct (E_ref _ _ E r Hr) as [Hr'|[Hmem Hlow]]; [now apply (Q a r)|]. exfalso. rewrite Ho in Hmem.
  specialize (Hv Hmem).
  pose proof (I_loc _ I k (nR_nM _ Hk)) as L.
  assert (Hin : In a (hist s k ++ pend (rms s k))).
  { apply (L_corr _ _ _ _ L). split; auto. specialize (Hv (r_org a)).
    assert (Hz : r_org a < nR) by (apply (I_wf _ I a Ha')). specialize (Hv Hz). lia. }
  pose proof (L_fin _ _ _ _ L a Hin). rewrite Ho, Hf in Hlow. lia.
Qed.

(** Of what a member has. *)
Lemma QM_ext_at s s' k j v n : Inv s -> ext s s' -> k < nR -> j < nM -> heir s k = j ->
  vle v (rts (rms s j)) -> QM s k v n -> QM s' k v n.
Proof.
  intros I E Hk Hj Hh Hv Q. apply QM_ext with (s := s); auto.
  - eapply below_vle; [now apply (I_rts _ I j)|exact Hv].
  - unfold member. intros Hm. rewrite Hm in Hh. now subst j.
Qed.

Lemma heir_in s k : Inv s -> k < nM -> heir s k < nM /\ member s (heir s k).
Proof. intros I Hk. destruct (I_heir _ I k Hk) as (A & B & _). split; auto. Qed.

Lemma heir_minds s i k : Inv s -> k < nR -> minds i (heir s k).
Proof.
  intros I Hk. right. destruct (I_heir _ I k (nR_nM _ Hk)) as (_ & _ & [X|X]); [now rewrite X|exact X].
Qed.

Lemma NI_mono s s' m : Inv s -> ext s s' -> (forall r, In r (acc s') -> WF r) -> NI s m -> NI s' m.
Proof.
  intros I E W. destruct m; simpl.
  - intros (A & B & C & D). splits.
    + eapply Nat.lt_le_trans; [exact A|apply E].
    + rewrite (E_dep _ _ E) by exact A. eapply seen_ext; eauto.
    + rewrite (E_sub _ _ E) by exact A. exact C.
    + eapply hon_ext; eauto.
  - intros (A & B & C). splits; auto; [eapply seen_ext|eapply hon_ext]; eauto.
  - intros (A & B & C & Cs & D). splits; auto.
    + intros r Hr. apply (E_acc _ _ E), C, Hr.
    + intros r Hr. eapply Nat.le_trans; [now apply Cs|]. apply (E_rts _ _ E); auto. now apply (I_wf _ I r (C
        r Hr)).
    + intros F. destruct (D F) as (G & H & J & K). splits.
      * eapply vle_trans; [exact G|]. now apply E.
      * intros k Hk Hm. unfold member in Hm. rewrite (E_heir _ _ E) in Hm.
        eapply vle_trans; [now apply (H k)|now apply E].
      * intros k Hk Hs. rewrite (E_heir _ _ E) in Hs.
        apply QM_ext_at with (s := s) (j := g_src g); auto.
      * intros k Hk. rewrite (E_heir _ _ E). destruct (heir_in s k I (nR_nM _ Hk)).
        apply QM_ext_at with (s := s) (j := heir s k); auto.
  - apply seen_ext; auto.
  - intros (B & G & F & D & V & O). splits; auto.
    + eapply ext_below; eauto.
    + eapply Gen_incl; [apply E|auto].
    + intros r. rewrite F. split; intros [H1 H2]; split; auto.
      * now apply (E_acc _ _ E).
      * eapply ext_old with (v := t); eauto. apply WF_seq_le; auto.
    + eapply ordered_grow; eauto. intros r Hr. apply F in Hr as [Hr1 Hr2].
      eapply below_vle; [exact B|]. eapply vle_trans; [|exact Hr2]. apply WF_prev_ts. now apply I.
  - intros (A & B). split; [eapply seen_ext|eapply hon_ext]; eauto.
Qed.

(** ** Steps that change only front ends and the network *)
Lemma inv_soft s net' fes' gdep' gsub' lied' :
  Inv s ->
  let s' := mkst (rms s) (hist s) (acc s) net' fes' gdep' gsub' lied' (heir s) in
  (lied' = false -> lied s = false) ->
  (forall f, fcnt (fes s f) <= fcnt (fes' f)) ->
  (forall c, snd c < fcnt (fes s (fst c)) -> gdep' c = gdep s c) ->
  (forall c, snd c < fcnt (fes s (fst c)) -> gsub' c = gsub s c) ->
  (forall m, In m net' -> In m (net s) \/ NI s' m) ->
  (forall f, seen s (fdep (fes' f)) (fts (fes' f)) /\ hon s (fts (fes' f))) ->
  Inv s'.
Proof.
  intros I s' Hl Hc Hd Hu Hn Hf.
  assert (E : ext s s').
  { constructor; simpl; auto; try (intros; apply vle_refl). apply incl_refl. }
  constructor; simpl; try apply I; auto.
  - intros L. now apply I, Hl.
  - intros m Hm. destruct (Hn m Hm) as [Ho|?]; auto.
    eapply NI_mono; eauto; [|now apply I]. intros r Hr; apply I, Hr.
  - intros f. destruct (Hf f). split; auto. eapply hon_ext; eauto.
  - intros r Hr. eapply Nat.lt_le_trans; [now apply I|apply Hc].
  - intros r Hr. rewrite Hd by now apply I. now apply (I_dep _ I r).
  - intros r Hr. rewrite Hu by now apply I. now apply I.
Qed.

Lemma inv_send s m : Inv s -> (forall net', NI (mkst (rms s) (hist s) (acc s) net' (fes s) (gdep s) (gsub
  s) (lied s) (heir s)) m) ->
  Inv (send s m).
Proof.
  intros I H. apply inv_soft; auto; [|apply I]. intros x [<-|Hx]; auto.
Qed.

Lemma inv_sees s f t d : Inv s -> seen s d t -> hon s t -> Inv (sees s f t d).
Proof.
  intros I S H. apply inv_soft; auto.
  - intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; lia.
  - intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; [|apply (I_fe _ I)].
    destruct (I_fe _ I f) as (A & B). split; [|now apply hon_vmax].
    intros r Hr. apply in_app_or in Hr as [Hr|Hr].
    + destruct (S r Hr). split; auto. eapply vle_trans; eauto. apply vle_vmax_r.
    + destruct (A r Hr). split; auto. eapply vle_trans; eauto. apply vle_vmax_l.
Qed.

Lemma inv_submit s f n op ack prev d lie : Inv s -> fcnt (fes s f) <= n -> seen s d prev ->
  (lie = false -> hon s prev) -> Inv (submit s f n op ack prev d lie).
Proof.
  intros I Hn S H.
  assert (Hl : lied s || lie = false -> lied s = false) by (destruct (lied s); auto).
  apply inv_soft; auto.
  - intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; lia.
  - intros c Hc. apply updc_neq. intros ->. simpl in Hc. lia.
  - intros c Hc. apply updc_neq. intros ->. simpl in Hc. lia.
  - intros m [<-|Hm]; auto. right. simpl. rewrite upd_eq, !updc_eq. simpl. splits; auto.
    intros L. simpl in L. apply orb_false_iff in L as [L1 L2]. apply (H L2 L1).
  - intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; apply (I_fe _ I).
Qed.

(** ** Steps of one replica that make no record *)
Lemma inv_replica s i a l :
  Inv s -> i < nM -> LI (acc s) i a (hist s i ++ l) -> LF a ->
  vle (rts (rms s i)) (rts a) -> below s (rts a) ->
  (forall j, j < nM -> member s j -> vle (tget a j) (if j =? i then rts a else rts (rms s j))) ->
  (forall j, j < nM -> member s j -> j <> i -> minds i j -> vle (gone a) (rts (rms s j))) ->
  (forall k, k < nR -> k <> i -> QM s k (tget a (heir s k)) (get (rts a) k)) ->
  (forall k, k < nR -> k <> i -> QM s k (gone a) (get (rts a) k)) ->
  (forall f, lowof (fin (rms s i)) f <= lowof (fin a) f) ->
  (forall c, In c (map r_cid (hist s i ++ l)) -> ~ In c (keys a) ->
             (forall k, k < nR -> member s k -> snd c < lowof (fin (rms s k)) (fst c)) /\
             (forall r, In r (acc s) -> r_cid r = c -> In r (hist s i ++ l))) ->
  Inv (put s i a l).
Proof.
  intros I Hi L F Hr Hb Htb Hgo Htq Hgq Hlw Hdd. set (s' := put s i a l).
  assert (Hru : forall j, j < nM -> vle (rts (rms s j)) (rts (rms s' j))).
  { intros j Hj. simpl. at_i j i; auto. apply vle_refl. }
  assert (E : ext s s').
  { constructor; simpl; auto. apply incl_refl. }
  assert (T : forall c, c < nR -> top s' c = top s c).
  { intros c Hc. unfold top; simpl. at_i c i; auto.
    apply Nat.le_antisymm; [now apply Hb|now apply Hr]. }
  assert (W : forall r, In r (acc s) -> WF r) by (intros; now apply I).
  assert (BB : forall v, below s v -> below s' v) by (intros v Hv c Hc; rewrite T; auto).
  constructor; simpl.
  - intros j Hj. at_i j i; auto. now apply I.
  - intros j Hj. at_i j i; auto. now apply I.
  - intros r Hr'. rewrite T by apply (W r Hr'). now apply I.
  - intros j Hj. apply BB. at_i j i; auto. now apply I.
  - apply I.
  - intros Hl. destruct (I_hon _ I Hl). split; auto.
  - intros j k Hj Hk Hmk. change (member s k) in Hmk. at_i j i.
    + eapply vle_trans; [now apply Htb|]. unfold upd. destruct (k =? i); apply vle_refl.
    + eapply vle_trans; [apply (I_tbl _ I j k); auto|]. now apply Hru.
  - intros j k Hj Hk Hmk Hm. change (member s k) in Hmk. at_i j i.
    + at_i k i; [apply L|auto].
    + eapply vle_trans; [apply (I_gone _ I j k); auto|]. now apply Hru.
  - intros j k Hj Hk. at_i j i.
    + destruct (Nat.eq_dec k i) as [->|Hn]; [|now apply Htq].
      intros x y Hx Hy _ Ho _ _. destruct (I_wf _ I y Hy) as [_ Hy2]. specialize (Hr i Hk).
      unfold top in Hy2. rewrite Ho in Hy2. lia.
    + now apply (I_tblq _ I j k).
  - intros j k Hj Hk. at_i j i.
    + destruct (Nat.eq_dec k i) as [->|Hn]; [|now apply Hgq].
      intros x y Hx Hy _ Ho _ _. destruct (I_wf _ I y Hy) as [_ Hy2]. specialize (Hr i Hk).
      unfold top in Hy2. rewrite Ho in Hy2. lia.
    + now apply (I_goneq _ I j k).
  - intros m Hm. eapply NI_mono; eauto. now apply I.
  - intros f. destruct (I_fe _ I f) as (A & B). split; auto. eapply hon_ext; eauto.
  - apply I.
  - apply I.
  - apply I.
  - intros j c Hj Hin Hne.
    assert (X : (forall k, k < nR -> member s k -> snd c < lowof (fin (rms s k)) (fst c)) /\
                (forall r, In r (acc s) -> r_cid r = c -> In r (upd (hist s) i (hist s i ++ l) j))).
    { at_i j i; auto. now apply (I_dead _ I j c Hj). }
    destruct X as [X1 X2]. split; auto. intros k Hk Hmk. specialize (X1 k Hk Hmk).
    at_i k i; auto. specialize (Hlw (fst c)). lia.
  - apply I.
  - intros k Hk. change (top s' k <= get (rts (rms s' (heir s k))) k). rewrite T by assumption.
    eapply Nat.le_trans; [now apply (I_most _ I)|]. apply Hru; auto. now apply heir_in, nR_nM.
  - intros c n Hc H0 Hle. rewrite T in Hle by assumption. now apply I.
Qed.
End Invariant.
Global Hint Resolve nR_nM : core.
Ltac at_i j i := destruct (Nat.eq_dec j i) as [->|?Hn];
  [rewrite ?upd_eq in *|rewrite ?(upd_neq _ i _ j) in * by assumption].
