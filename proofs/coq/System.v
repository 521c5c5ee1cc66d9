(** The distributed system: [nR] replicas, any number of front ends, and a network that may
    lose, duplicate and reorder every message (the set of all messages ever sent; a message
    may be delivered any number of times, at any time, or never). *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local.

Section System.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation urec := (@urec Op).
Notation rm := (@rm Op Val).

Inductive msg :=
| MReq  (f : nat) (q : @req Op)                    (* update request; any RM may get it *)
| MRep  (f : nat) (r : urec)                       (* its acknowledgement, carrying r_ts r *)
| MGsp  (g : @gsp Op)
| MQry  (f : nat) (prev : vec) (d : list urec)     (* d: ghost, what the session has seen *)
| MQrep (f : nat) (v : Val) (t : vec) (d h : list urec).   (* d, h: ghost *)

Record fe := mkfe { fts : vec; fcnt : nat; fdep : list urec (* ghost *) }.

Record st := mkst {
  rms  : nat -> rm;
  hist : nat -> list urec;        (* ghost: records executed, in order *)
  acc  : list urec;               (* ghost: records accepted anywhere, newest first *)
  net  : list msg;
  fes  : nat -> fe;
  gdep : cid -> list urec;        (* ghost: what the session had seen when it submitted *)
  gsub : cid -> option (Op * vec) }.   (* ghost: what was submitted under an identifier *)

Definition upd {A} (f : nat -> A) (i : nat) (x : A) : nat -> A := fun j => if j =? i then x else f j.
Definition updc {A} (f : cid -> A) (c : cid) (x : A) : cid -> A := fun d => if ceqb d c then x else f d.

Definition init : st :=
  mkst rm0 (fun _ => []) [] [] (fun _ => mkfe [] 0 []) (fun _ => []) (fun _ => None).

Inductive step : st -> st -> Prop :=
| S_submit s f op :
    step s (mkst (rms s) (hist s) (acc s)
      (MReq f (mkreq (f, fcnt (fes s f)) op (fts (fes s f))) :: net s)
      (upd (fes s) f (mkfe (fts (fes s f)) (S (fcnt (fes s f))) (fdep (fes s f))))
      (updc (gdep s) (f, fcnt (fes s f)) (fdep (fes s f)))
      (updc (gsub s) (f, fcnt (fes s f)) (Some (op, fts (fes s f)))))
| S_request s i f q a l o :
    i < nR -> In (MReq f q) (net s) -> on_request (rms s i) q = (a, l, o) ->
    step s (mkst (upd (rms s) i a) (upd (hist s) i (hist s i ++ l))
      (if known (rms s i) (q_cid q) then acc s else stamp (rms s i) q :: acc s)
      (match o with Some r => MRep f r :: net s | None => net s end) (fes s) (gdep s) (gsub s))
| S_ack s f r :
    In (MRep f r) (net s) ->
    step s (mkst (rms s) (hist s) (acc s) (net s)
      (upd (fes s) f (mkfe (vmax nR (fts (fes s f)) (r_ts r)) (fcnt (fes s f)) (r :: fdep (fes s f))))
      (gdep s) (gsub s))
| S_send s i j :
    i < nR -> j < nR ->
    step s (mkst (rms s) (hist s) (acc s) (MGsp (make_gossip (rms s i) j) :: net s) (fes s) (gdep s) (gsub s))
| S_recv s g a l :
    In (MGsp g) (net s) -> on_gossip (rms s (g_dst g)) g = (a, l) ->
    step s (mkst (upd (rms s) (g_dst g) a) (upd (hist s) (g_dst g) (hist s (g_dst g) ++ l))
      (acc s) (net s) (fes s) (gdep s) (gsub s))
| S_gc s i :
    i < nR ->
    step s (mkst (upd (rms s) i (gc (rms s i))) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s))
| S_egc s i :
    i < nR ->
    step s (mkst (upd (rms s) i (egc (rms s i))) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s))
| S_low s i f n :      (* any watermark at all, at any time: safety does not rest on the front ends *)
    i < nR ->
    step s (mkst (upd (rms s) i (raise (rms s i) f n)) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s))
| S_crash s i :
    i < nR ->
    step s (mkst (upd (rms s) i (crash (rms s i))) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s))
| S_query s f :
    step s (mkst (rms s) (hist s) (acc s) (MQry f (fts (fes s f)) (fdep (fes s f)) :: net s)
      (fes s) (gdep s) (gsub s))
| S_answer s i f prev d v t :
    i < nR -> In (MQry f prev d) (net s) -> on_query (rms s i) prev = Some (v, t) ->
    step s (mkst (rms s) (hist s) (acc s) (MQrep f v t d (hist s i) :: net s) (fes s) (gdep s) (gsub s))
| S_result s f v t d h :
    In (MQrep f v t d h) (net s) ->
    step s (mkst (rms s) (hist s) (acc s) (net s)
      (upd (fes s) f (mkfe (vmax nR (fts (fes s f)) t) (fcnt (fes s f)) (h ++ fdep (fes s f))))
      (gdep s) (gsub s)).

Inductive reach : st -> Prop :=
| R_init : reach init
| R_step s s' : reach s -> step s s' -> reach s'.

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

(** ** The invariant *)
Definition top (s : st) (c : nat) : nat := get (rts (rms s c)) c.
Definition below (s : st) (v : vec) : Prop := forall c, c < nR -> get v c <= top s c.

Fixpoint GenOrd (l : list urec) : Prop :=
  match l with
  | [] => True
  | r :: t => Gen t (r_prev r) /\ (forall x, In x t -> get (r_prev x) (r_org r) < r_seq r) /\ GenOrd t
  end.

Definition NI (s : st) (m : msg) : Prop :=
  match m with
  | MReq f q => below s (q_prev q) /\ Gen (acc s) (q_prev q) /\
      fst (q_cid q) = f /\ snd (q_cid q) < fcnt (fes s f) /\
      (forall d, In d (gdep s (q_cid q)) -> In d (acc s) /\ vle (r_ts d) (q_prev q)) /\
      gsub s (q_cid q) = Some (q_op q, q_prev q)
  | MRep f r => In r (acc s)
  | MGsp g => g_src g < nR /\ g_dst g < nR /\ vle (g_ts g) (rts (rms s (g_src g))) /\
      (forall r, In r (g_log g) -> In r (acc s) /\ r_seq r <= get (g_ts g) (r_org r)) /\
      NoDup (g_log g) /\
      (forall r, In r (acc s) -> r_seq r <= get (g_ts g) (r_org r) ->
         In r (g_log g) \/ r_seq r <= get (rts (rms s (g_dst g))) (r_org r)) /\
      (forall f, lowof (g_low g) f <= lowof (low (rms s (g_src g))) f) /\
      (forall r, In r (acc s) -> r_org r = g_src g -> snd (r_cid r) < lowof (g_low g) (fst (r_cid r)) ->
         r_seq r <= get (g_ts g) (g_src g))
  | MQry f prev d => forall r, In r d -> In r (acc s) /\ vle (r_ts r) prev
  | MQrep f v t d h => below s t /\ Gen (acc s) t /\
      (forall r, In r h <-> In r (acc s) /\ vle (r_ts r) t) /\
      incl d h /\ v = replay [] v0 h /\ ordered (acc s) h
  end.

Record Inv (s : st) : Prop := {
  I_loc : forall i, i < nR -> LI (acc s) i (rms s i) (hist s i);
  I_fix : forall i, i < nR -> LF (rms s i);
  I_wf : forall r, In r (acc s) -> WF r /\ r_seq r <= top s (r_org r);
  I_prev : forall r, In r (acc s) -> below s (r_prev r);
  I_rts : forall i, i < nR -> below s (rts (rms s i));
  I_uniq : forall r r', In r (acc s) -> In r' (acc s) -> r_org r = r_org r' -> r_seq r = r_seq r' -> r = r';
  I_gen : GenOrd (acc s);
  I_tbl : forall i j, i < nR -> j < nR -> vle (tget (rms s i) j) (rts (rms s j));
  I_log : forall i r, i < nR -> In r (acc s) -> r_seq r <= get (rts (rms s i)) (r_org r) ->
            In r (pend (rms s i) ++ done (rms s i)) \/
            forall j, j < nR -> r_seq r <= get (rts (rms s j)) (r_org r);
  I_net : forall m, In m (net s) -> NI s m;
  I_fe : forall f, below s (fts (fes s f)) /\ Gen (acc s) (fts (fes s f)) /\
            forall r, In r (fdep (fes s f)) -> In r (acc s) /\ vle (r_ts r) (fts (fes s f));
  I_fresh : forall r, In r (acc s) -> snd (r_cid r) < fcnt (fes s (fst (r_cid r)));
  I_dep : forall r d, In r (acc s) -> In d (gdep s (r_cid r)) -> In d (acc s) /\ vle (r_ts d) (r_prev r);
  I_sub : forall r, In r (acc s) -> gsub s (r_cid r) = Some (r_op r, r_prev r);
  I_low : forall i j f, i < nR -> j < nR -> lowof (lget (rms s i) j) f <= lowof (low (rms s j)) f;
  I_lowr : forall i r, i < nR -> In r (acc s) ->
             snd (r_cid r) < lowof (lget (rms s i) (r_org r)) (fst (r_cid r)) ->
             r_seq r <= get (rts (rms s i)) (r_org r);
  I_dead : forall i c, i < nR -> In c (map r_cid (hist s i)) -> ~ In c (exec (rms s i)) ->
             (forall k, k < nR -> snd c < lowof (low (rms s k)) (fst c)) /\
             (forall r, In r (acc s) -> r_cid r = c -> In r (hist s i));
  I_cnt : forall c, c < nR -> top s c = 0 \/ exists r, In r (acc s) /\ r_org r = c /\ r_seq r = top s c }.

(** ** Monotone extension of states *)
Record ext (s s' : st) : Prop := {
  E_acc : incl (acc s) (acc s');
  E_new : forall r, In r (acc s') -> In r (acc s) \/ (r_org r < nR /\ top s (r_org r) < r_seq r);
  E_rts : forall i, i < nR -> vle (rts (rms s i)) (rts (rms s' i));
  E_cnt : forall f, fcnt (fes s f) <= fcnt (fes s' f);
  E_dep : forall c, snd c < fcnt (fes s (fst c)) -> gdep s' c = gdep s c;
  E_sub : forall c, snd c < fcnt (fes s (fst c)) -> gsub s' c = gsub s c;
  E_low : forall k f, k < nR -> lowof (low (rms s k)) f <= lowof (low (rms s' k)) f;
  E_ref : forall r, In r (acc s') -> In r (acc s) \/
            lowof (low (rms s (r_org r))) (fst (r_cid r)) <= snd (r_cid r) }.

Lemma ext_top s s' c : ext s s' -> c < nR -> top s c <= top s' c.
Proof. intros E Hc. apply (E_rts _ _ E c Hc c Hc). Qed.

Lemma ext_below s s' v : ext s s' -> below s v -> below s' v.
Proof. intros E B c Hc. specialize (B c Hc). pose proof (ext_top _ _ c E Hc). lia. Qed.

Lemma below_vle s u v : below s v -> vle u v -> below s u.
Proof. intros B H c Hc. specialize (B c Hc); specialize (H c Hc); lia. Qed.

Lemma below_vmax s u v : below s u -> below s v -> below s (vmax nR u v).
Proof. intros Hu Hv c Hc. rewrite get_vmax by assumption. specialize (Hu c Hc); specialize (Hv c Hc); lia. Qed.

Lemma ext_old s s' v r : ext s s' -> below s v -> In r (acc s') -> WF r ->
  r_seq r <= get v (r_org r) -> In r (acc s).
Proof.
  intros E B Hin W Hle. destruct (E_new _ _ E r Hin) as [?|[Ho Hn]]; auto.
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
  below s (rts a) -> (forall r, In r (acc s) -> below s (r_prev r)) ->
  LI (acc s) i a h -> LI (acc s') i a h.
Proof.
  intros E W B BP L. constructor; try apply L.
  - intros r. rewrite (L_corr _ _ _ _ L r). split; intros [H1 H2]; split; auto.
    + now apply (E_acc _ _ E).
    + eapply ext_old; eauto.
  - eapply ordered_grow; eauto; [|apply L]. intros r Hr. apply BP.
    apply (L_corr _ _ _ _ L). apply in_or_app; now left.
Qed.

Lemma NI_mono s s' m : Inv s -> ext s s' -> (forall r, In r (acc s') -> WF r) -> NI s m -> NI s' m.
Proof.
  intros I E W. destruct m; simpl.
  - intros (B & G & F1 & F2 & D & SU). splits; auto.
    + eapply ext_below; eauto.
    + eapply Gen_incl; [apply E|auto].
    + eapply Nat.lt_le_trans; [exact F2|apply E].
    + intros d. rewrite (E_dep _ _ E) by now rewrite F1. intros Hd. destruct (D d Hd). split; auto. now apply (E_acc _ _ E).
    + rewrite (E_sub _ _ E) by now rewrite F1. exact SU.
  - apply E.
  - intros (H1 & H2 & H3 & H4 & H5 & H6 & H7 & H8). splits; auto.
    + eapply vle_trans; [exact H3|]. now apply E.
    + intros r Hr. destruct (H4 r Hr); split; auto. now apply (E_acc _ _ E).
    + intros r Hr Hs.
      assert (Hold : In r (acc s)).
      { eapply ext_old; eauto. eapply below_vle; [|exact H3]. now apply I. }
      destruct (H6 r Hold Hs) as [?|H9]; auto. right.
      pose proof (E_rts _ _ E _ H2 (r_org r)). destruct (W r Hr) as [Ho _]. specialize (H Ho). lia.
    + intros f. pose proof (E_low _ _ E (g_src g) f H1). specialize (H7 f). lia.
    + intros r Hr Ho Hc. destruct (E_ref _ _ E r Hr) as [Hold|Hx]; [now apply H8|].
      exfalso. rewrite Ho in Hx. specialize (H7 (fst (r_cid r))). lia.
  - intros H r Hr. destruct (H r Hr); split; auto. now apply (E_acc _ _ E).
  - intros (B & G & F & D & V & O). splits; auto.
    + eapply ext_below; eauto.
    + eapply Gen_incl; [apply E|auto].
    + intros r. rewrite F. split; intros [H1 H2]; split; auto.
      * now apply (E_acc _ _ E).
      * eapply ext_old with (v := t); eauto. apply WF_seq_le; auto.
    + eapply ordered_grow; eauto. intros r Hr. apply I, F, Hr.
Qed.

(** ** Steps that change only front ends and the network *)
Lemma inv_soft s net' fes' gdep' gsub' :
  Inv s ->
  let s' := mkst (rms s) (hist s) (acc s) net' fes' gdep' gsub' in
  (forall f, fcnt (fes s f) <= fcnt (fes' f)) ->
  (forall c, snd c < fcnt (fes s (fst c)) -> gdep' c = gdep s c) ->
  (forall c, snd c < fcnt (fes s (fst c)) -> gsub' c = gsub s c) ->
  (forall m, In m net' -> In m (net s) \/ NI s' m) ->
  (forall f, below s (fts (fes' f)) /\ Gen (acc s) (fts (fes' f)) /\
            forall r, In r (fdep (fes' f)) -> In r (acc s) /\ vle (r_ts r) (fts (fes' f))) ->
  Inv s'.
Proof.
  intros I s' Hc Hd Hu Hn Hf.
  assert (E : ext s s').
  { constructor; simpl; auto; try (intros; apply vle_refl). apply incl_refl. }
  constructor; simpl; try apply I; auto.
  - intros m Hm. destruct (Hn m Hm) as [Ho|?]; auto.
    eapply NI_mono; eauto; [|now apply I]. intros r Hr; apply I, Hr.
  - intros r Hr. eapply Nat.lt_le_trans; [now apply I|apply Hc].
  - intros r d Hr Hg. rewrite Hd in Hg by now apply I. now apply I.
  - intros r Hr. rewrite Hu by now apply I. now apply I.
Qed.

(** ** Steps of one replica that accept nothing *)
Lemma inv_replica s i a h :
  Inv s -> i < nR ->
  let s' := mkst (upd (rms s) i a) (upd (hist s) i h) (acc s) (net s) (fes s) (gdep s) (gsub s) in
  LI (acc s) i a h -> LF a ->
  vle (rts (rms s i)) (rts a) -> below s (rts a) -> top s' i = top s i ->
  (forall j, j < nR -> vle (tget a j) (rts (rms s' j))) ->
  (forall r, In r (acc s) -> r_seq r <= get (rts a) (r_org r) ->
            In r (pend a ++ done a) \/ forall j, j < nR -> r_seq r <= get (rts (rms s' j)) (r_org r)) ->
  (forall f, lowof (low (rms s i)) f <= lowof (low a) f) ->
  (forall j f, j < nR -> lowof (lget a j) f <= lowof (low (rms s' j)) f) ->
  (forall r, In r (acc s) -> snd (r_cid r) < lowof (lget a (r_org r)) (fst (r_cid r)) ->
             r_seq r <= get (rts a) (r_org r)) ->
  (forall c, In c (map r_cid h) -> ~ In c (exec a) ->
             (forall k, k < nR -> snd c < lowof (low (rms s k)) (fst c)) /\
             (forall r, In r (acc s) -> r_cid r = c -> In r h)) ->
  Inv s'.
Proof.
  intros I Hi s' L F Hr Hb Ht Htb Hlog Hlw Hl1 Hl2 Hdd.
  assert (E : ext s s').
  { constructor; simpl; auto. apply incl_refl.
    intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn]; [now rewrite upd_eq|].
    rewrite upd_neq by assumption. apply vle_refl.
    intros k f Hk. destruct (Nat.eq_dec k i) as [->|Hn]; [now rewrite upd_eq|now rewrite upd_neq]. }
  assert (T : forall c, top s' c = top s c).
  { intros c. destruct (Nat.eq_dec c i) as [->|Hn]; auto. unfold top; simpl. now rewrite upd_neq. }
  assert (BB : forall v, below s v -> below s' v) by (intros v Hv c Hc; rewrite T; auto).
  constructor; simpl.
  - intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn]; [rewrite !upd_eq; auto|].
    rewrite !upd_neq by assumption. now apply I.
  - intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn]; [rewrite !upd_eq; auto|].
    rewrite !upd_neq by assumption. now apply I.
  - intros r Hr'. rewrite T. now apply I.
  - intros r Hr'. now apply BB, I.
  - intros j Hj. apply BB. destruct (Nat.eq_dec j i) as [->|Hn]; [rewrite !upd_eq; auto|].
    rewrite !upd_neq by assumption. now apply I.
  - apply I.
  - apply I.
  - intros j k Hj Hk. destruct (Nat.eq_dec j i) as [->|Hn].
    + rewrite upd_eq. now apply Htb.
    + rewrite (upd_neq _ _ _ j) by assumption. eapply vle_trans; [apply (I_tbl _ I j k); auto|].
      now apply (E_rts _ _ E).
  - intros j r Hj Hin Hle. destruct (Nat.eq_dec j i) as [->|Hn].
    + rewrite upd_eq in *. now apply Hlog.
    + rewrite (upd_neq _ _ _ j) in * by assumption.
      destruct (I_log _ I j r Hj Hin Hle) as [?|Hall]; auto. right. intros k Hk.
      specialize (Hall k Hk). pose proof (E_rts _ _ E k Hk (r_org r)) as X.
      assert (r_org r < nR) by now apply I. specialize (X H). simpl in X. lia.
  - intros m Hm. eapply NI_mono; eauto; [|now apply I]. intros r Hr'; now apply I.
  - intros f. destruct (I_fe _ I f) as (A & B & C). splits; auto.
  - apply I.
  - apply I.
  - apply I.
  - intros j k f Hj Hk. destruct (Nat.eq_dec j i) as [->|Hn].
    + rewrite upd_eq. exact (Hl1 k f Hk).
    + rewrite (upd_neq _ _ _ j) by assumption. pose proof (I_low _ I j k f Hj Hk).
      pose proof (E_low _ _ E k f Hk). simpl in *. lia.
  - intros j r Hj Hin Hlt. destruct (Nat.eq_dec j i) as [->|Hn].
    + rewrite upd_eq in *. now apply Hl2.
    + rewrite upd_neq in * by assumption. now apply (I_lowr _ I j r).
  - intros j c Hj Hin Hne.
    assert (X : (forall k, k < nR -> snd c < lowof (low (rms s k)) (fst c)) /\
                (forall r, In r (acc s) -> r_cid r = c -> In r (upd (hist s) i h j))).
    { destruct (Nat.eq_dec j i) as [->|Hn].
      - rewrite upd_eq in Hin. rewrite upd_eq in Hne. destruct (Hdd c Hin Hne) as [D1 D2].
        split; auto. intros r. rewrite upd_eq. auto.
      - rewrite upd_neq in Hin by assumption. rewrite upd_neq in Hne by assumption.
        destruct (I_dead _ I j c Hj Hin Hne) as [D1 D2].
        split; auto. intros r. rewrite upd_neq by assumption. auto. }
    destruct X as [X1 X2]. split; auto. intros k Hk. specialize (X1 k Hk).
    pose proof (E_low _ _ E k (fst c) Hk). simpl in *. lia.
  - intros c Hc. rewrite T. now apply I.
Qed.
End System.
