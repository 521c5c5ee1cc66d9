(** Every step keeps the invariant. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local System Invariant.

Section Preserve.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation urec := (@urec Op).
Notation rm := (@rm Op Val).
Notation st := (@st Op Val).

Lemma inv_begin h : places h -> Inv (begin h).
Proof.
  intros Hh.
  assert (Z : forall j, tget (rm0 (P := P) j) = fun k => match k with 0 => [] | S _ => [] end) by reflexivity.
  constructor; simpl; try tauto.
  - intros i Hi. constructor; simpl; try tauto; try apply NoDup_nil; try apply Gen_nil;
      try apply vle_refl; try apply incl_refl;
      intros l1 r l2 H; destruct l1; discriminate.
  - intros i Hi r [].
  - intros i Hi c Hc. unfold top; simpl. rewrite !get_nil; lia.
  - intros i j Hi Hj _. unfold tget; simpl. destruct j; apply vle_refl.
  - intros i j _ _ _ _. apply vle_refl.
  - intros i k _ _ a r [].
  - intros i k _ _ a r [].
  - intros f. split; [intros r []|]. intros _. split; [|apply Gen_nil].
    intros c Hc. simpl. rewrite get_nil; lia.
  - intros k _. unfold top; simpl. rewrite get_nil. lia.
  - intros c n _ H0 H. unfold top in H; simpl in H. rewrite get_nil in H. lia.
Qed.

Lemma me_i (s : st) i : Inv s -> i < nM -> me (rms s i) = i.
Proof. intros I Hi. apply (I_loc _ I i Hi). Qed.

Lemma hon_ts (s : st) r : Inv s -> In r (acc s) -> hon s (r_ts r).
Proof.
  intros I Hr L. destruct (I_hon _ I L) as [B _]. split; [|now apply Gen_ts].
  destruct (I_wf _ I r Hr) as [(W1 & W2 & W3) Ht]. intros c Hc.
  destruct (Nat.eq_dec c (r_org r)) as [->|Hn]; [exact Ht|]. rewrite W2 by assumption. now apply (B r Hr).
Qed.

(** What is known of an identifier, a new record of it may break nothing. *)
Lemma not_dead (s : st) i j c : Inv s -> i < nR -> member s i -> j < nM -> finished (rms s i) c = false ->
  In c (map r_cid (hist s j)) -> In c (keys (rms s j)).
Proof.
  intros I Hi Hmi Hj K Hin. destruct (memc c (keys (rms s j))) eqn:M; [now apply memc_spec|].
  exfalso. destruct (I_dead _ I j c Hj Hin) as [D1 _].
  - intros Hc. apply memc_spec in Hc. congruence.
  - specialize (D1 i Hi Hmi). unfold finished in K. apply Nat.ltb_ge in K. lia.
Qed.

Lemma inv_accept (s : st) i q a l :
  Inv s -> i < nR -> member s i -> In (MReq q) (net s) -> known (rms s i) (q_cid q) = false ->
  plausible (rms s i) q = true ->
  settles (recv1 (rms s i) (stamp (rms s i) q)) l a ->
  Inv (put (made (send s (MRep (q_cid q) (r_ts (stamp (rms s i) q)) [stamp (rms s i) q]))
         (stamp (rms s i) q)) i a l).
Proof.
  intros I Hi Hmi Hm K Hpl Hset. assert (HiM : i < nM) by auto.
  unfold known in K. apply orb_false_iff in K as [K _]. apply orb_false_iff in K as [K _].
  assert (Kd : forall j, j < nM -> In (q_cid q) (map r_cid (hist s j)) -> In (q_cid q) (keys (rms s j)))
    by (intros; eapply not_dead; eauto).
  unfold finished in K. apply Nat.ltb_ge in K.
  unfold plausible in Hpl. apply Nat.leb_le in Hpl. rewrite (me_i s i I HiM) in Hpl.
  destruct (I_net _ I _ Hm) as (F2 & D & SU & G). simpl in F2, D, SU, G.
  assert (Ho : r_org (stamp (rms s i) q) = i) by (simpl; now apply me_i).
  assert (Hs : r_seq (stamp (rms s i) q) = S (top s i)).
  { unfold r_seq. rewrite Ho. simpl. rewrite (me_i s i I HiM). now rewrite get_vset_eq. }
  assert (Wr : WF (stamp (rms s i) q)).
  { unfold WF. rewrite Ho, Hs. splits; auto.
    - intros j Hj Hn. simpl. rewrite (me_i s i I HiM). now apply get_vset_neq.
    - simpl. unfold top. lia. }
  assert (Ec : r_cid (stamp (rms s i) q) = q_cid q) by reflexivity.
  assert (Ep : r_prev (stamp (rms s i) q) = q_prev q) by reflexivity.
  assert (Eo : r_op (stamp (rms s i) q) = q_op q) by reflexivity.
  remember (stamp (rms s i) q) as r eqn:Er. clear Er.
  set (s' := put _ _ _ _).
  pose proof (I_loc _ I i HiM) as L.
  assert (Hget : forall j, j < nR -> get (rts (recv1 (rms s i) r)) j =
                   if j =? i then S (top s i) else get (rts (rms s i)) j).
  { intros j Hj. simpl. rewrite Ho, get_vset, Hs by assumption. reflexivity. }
  assert (Hmono : vle (rts (rms s i)) (rts (recv1 (rms s i) r))).
  { intros j Hj. rewrite Hget by assumption. unfold top. destruct (Nat.eqb_spec j i) as [->|]; lia. }
  assert (Hwf' : forall x, In x (r :: acc s) -> WF x).
  { intros x [Ex|Hx]; [subst x; auto|now apply I]. }
  assert (Hext0 : forall a', rts a' = rts (recv1 (rms s i) r) -> fin a' = fin (recv1 (rms s i) r) ->
     ext s (put (made (send s (MRep (q_cid q) (r_ts r) [r])) r) i a' l)).
  { intros a' Ea El. constructor; simpl; auto.
    - apply incl_tl, incl_refl.
    - intros x [Ex|Hx]; [subst x; right; rewrite Ho, Hs; auto|auto].
    - intros j Hj. at_i j i; [rewrite Ea; exact Hmono|apply vle_refl].
    - intros x [Ex|Hx]; [subst x; right|now left]. now rewrite Ho, Ec. }
  assert (Hnew : forall x, In x (acc s) -> r_org x = i -> r_seq x = S (top s i) -> False).
  { intros x Hx Ex Sx. destruct (I_wf _ I x Hx) as [_ Hle]. rewrite Ex in Hle. lia. }
  assert (Huniq : forall x y, In x (r :: acc s) -> In y (r :: acc s) -> r_org x = r_org y -> r_seq x =
    r_seq y -> x = y).
  { intros x y [Ex|Hx] [Ey|Hy] Eor Es.
    + congruence.
    + exfalso; apply (Hnew y); auto; congruence.
    + exfalso; apply (Hnew x); auto; congruence.
    + now apply I. }
  assert (L1 : LI (r :: acc s) i (recv1 (rms s i) r) (hist s i)).
  { pose proof (Hext0 (recv1 (rms s i) r) eq_refl eq_refl) as E.
    apply recv1_LI; auto.
    - eapply (LI_grow s _ i _ _ E); auto. now apply I.
    - now left.
    - now rewrite Ho.
    - rewrite Ec. now apply Kd. }
  destruct (settles_LI _ _ Hwf' _ _ _ Hset _ L1) as (LA & FA & RA & TA & NA & GA & _ & XE & XI).
  pose proof (Hext0 a RA NA) as E. fold s' in E.
  assert (T : forall c, c < nR -> top s' c = if c =? i then S (top s i) else top s c).
  { intros c Hc. unfold top at 1; simpl. destruct (Nat.eqb_spec c i) as [->|Hn].
    - rewrite upd_eq, RA, Hget, Nat.eqb_refl by assumption. reflexivity.
    - now rewrite upd_neq. }
  assert (Hlow : forall k f, lowof (fin (rms s k)) f <= lowof (fin (rms s' k)) f).
  { intros k f. simpl. at_i k i; auto. rewrite NA. apply fin_add_all. }
  assert (Qx : forall k v m n, k < nR -> vle v (rts (rms s (heir s k))) -> m <= n -> QM s k v m -> QM s' k v n).
  { intros k v m n Hk Hv Hmn Q. apply (QM_le s' k v v m n); auto; [apply vle_refl|].
    apply QM_ext_at with (s := s) (j := heir s k); auto. now apply heir_in, nR_nM. }
  assert (Rx : forall j k, j < nM -> k < nR -> get (rts (rms s j)) k <= get (rts (rms s' j)) k).
  { intros j k Hj Hk. apply (E_rts _ _ E j Hj k Hk). }
  constructor; simpl.
  - intros j Hj. at_i j i; auto. eapply (LI_grow s s'); eauto; now apply I.
  - intros j Hj. at_i j i; auto. now apply I.
  - intros x [Ex|Hx]; [subst x|].
    + split; auto. rewrite Ho, T, Nat.eqb_refl by assumption. lia.
    + destruct (I_wf _ I x Hx) as [Wx Hle]. split; auto. pose proof (ext_top _ _ _ E (proj1 Wx)). lia.
  - intros j Hj. at_i j i.
    + rewrite RA. intros c Hc. rewrite Hget, T by assumption. destruct (c =? i); [lia|]. now apply (I_rts _
      I i).
    + eapply ext_below; eauto. now apply I.
  - exact Huniq.
  - intros Hl. destruct (G Hl) as [B Gp]. destruct (I_hon _ I Hl) as [BP GO]. split.
    + intros x [Ex|Hx]; [subst x|]; (eapply ext_below; [exact E|]); [now rewrite Ep|now apply BP].
    + splits; auto; [now rewrite Ep|].
      intros x Hx. rewrite Ho, Hs. pose proof (BP x Hx i Hi). lia.
  - intros j k Hj Hk Hmk. change (member s k) in Hmk. eapply vle_trans; [|now apply (E_rts _ _ E k)].
    at_i j i; [unfold tget; rewrite TA|]; now apply I.
  - intros j k Hj Hk Hmk Hmd. change (member s k) in Hmk. eapply vle_trans; [|now apply (E_rts _ _ E k)].
    at_i j i; [rewrite GA|]; now apply I.
  - intros j k Hj Hk. destruct (heir_in s k I (nR_nM _ Hk)) as [Hh1 Hh2].
    replace (tget (upd (rms s) i a j) (heir s k)) with (tget (rms s j) (heir s k)).
    + eapply Qx; [auto|apply (I_tbl _ I j (heir s k)); auto|apply (Rx j k); auto|now apply (I_tblq _ I j k)].
    + at_i j i; auto. unfold tget. now rewrite TA.
  - intros j k Hj Hk. replace (gone (upd (rms s) i a j)) with (gone (rms s j)).
    + destruct (heir_in s k I (nR_nM _ Hk)) as [Hh1 Hh2].
      refine (Qx k _ (get (rts (rms s j)) k) _ Hk _ _ _); [|now apply (Rx j k)|now apply (I_goneq _ I j k)].
      apply (I_gone _ I j (heir s k)); auto. now apply heir_minds.
    + at_i j i; auto.
  - intros m [<-|Hm']; [|eapply NI_mono; eauto; now apply I].
    simpl. splits.
    + intros x [<-|[]]. split; [now left|apply vle_refl].
    + intros Hl. destruct (G Hl) as [B Gp]. split; [|apply Gen_ts; now left].
      intros c Hc. rewrite T by assumption. destruct (Nat.eqb_spec c i) as [->|Hn].
      * rewrite <- Hs. unfold r_seq. rewrite Ho. lia.
      * destruct Wr as (_ & W2 & _). rewrite W2, Ep by congruence. now apply B.
    + exists r. split; [now left|auto].
  - intros g. destruct (I_fe _ I g) as (A1 & A2). split; [eapply seen_ext|eapply hon_ext]; eauto.
  - intros x [Ex|Hx]; [subst x|now apply I]. now rewrite Ec.
  - intros x [Ex|Hx]; [subst x; rewrite Ec, Ep|]; eapply seen_ext; eauto. now apply I.
  - intros x [Ex|Hx]; [subst x|now apply I]. rewrite Ec, Eo, Ep. exact SU.
  - intros j c Hj Hin Hne.
    assert (Hold : In c (map r_cid (hist s j)) /\ ~ In c (keys (rms s j))).
    { at_i j i; auto. rewrite map_app, in_app_iff in Hin. destruct Hin as [Hin|Hin].
      - split; [exact Hin|]. intros Hc. apply Hne, XE. exact Hc.
      - exfalso. apply in_map_iff in Hin as (x & <- & Hx). now apply Hne, XI. }
    destruct Hold as [Hin' Hne']. destruct (I_dead _ I j c Hj Hin' Hne') as [D1 D2]. split.
    + intros k Hk Hmk. specialize (D1 k Hk Hmk). pose proof (Hlow k (fst c)). simpl in *. lia.
    + intros x [Ex|Hx] Hc.
      * exfalso. subst x. rewrite Ec in Hc. specialize (D1 i Hi Hmi). rewrite <- Hc in D1. lia.
      * specialize (D2 x Hx Hc). at_i j i; auto. apply in_or_app; now left.
  - apply I.
  - intros k Hk. change (top s' k <= get (rts (rms s' (heir s k))) k). rewrite T by assumption.
    destruct (Nat.eqb_spec k i) as [->|Hn].
    + rewrite Hmi. simpl. rewrite upd_eq, RA, Hget, Nat.eqb_refl by assumption. lia.
    + eapply Nat.le_trans; [now apply (I_most _ I)|]. apply (E_rts _ _ E); auto. now apply heir_in, nR_nM.
  - intros c n Hc H0 Hle. rewrite T in Hle by assumption. destruct (Nat.eqb_spec c i) as [->|Hn].
    + destruct (Nat.eq_dec n (S (top s i))) as [->|Hne]; [exists r; auto|].
      destruct (I_cnt _ I i n Hi H0 ltac:(lia)) as (x & H1 & H2 & H3). exists x; auto.
    + destruct (I_cnt _ I c n Hc H0 Hle) as (x & H1 & H2 & H3). exists x; auto.
Qed.

Lemma LI_tbl acc i (s : rm) h t : LI acc i s h -> LI acc i (with_tbl s t) h.
Proof. intros L. constructor; apply L. Qed.

Lemma nth_map_seq {A} (f : nat -> A) n j d : j < n -> nth j (map f (seq 0 n)) d = f j.
Proof.
  intros H. rewrite nth_indep with (d' := f 0) by (rewrite map_length, seq_length; exact H).
  rewrite map_nth, seq_nth by exact H. reflexivity.
Qed.

Lemma take_below (f : nat -> nat) claimed (l : list urec) : forall v v' l',
  (forall r, In r l -> r_seq r <= f (r_org r)) -> (forall c, c < nR -> get v c <= f c) ->
  take claimed v l = (v', l') -> forall c, c < nR -> get v' c <= f c.
Proof.
  induction l as [|r l IH]; simpl; intros v v' l' Hl Hv H; [inversion H; subst; auto|].
  destruct (_ && _).
  - destruct (take claimed (vset nR v (r_org r) (r_seq r)) l) as [v1 l1] eqn:E. inversion H; subst.
    refine (IH _ _ _ _ _ E); auto. intros c Hc. rewrite get_vset by assumption.
    destruct (Nat.eqb_spec c (r_org r)) as [->|]; auto.
  - refine (IH _ _ _ _ _ H); auto.
Qed.

Lemma inv_recv (s : st) g v l' l a :
  Inv s -> In (MGsp g) (net s) -> take (g_ts g) (rts (rms s (g_dst g))) (g_log g) = (v, l') ->
  settles (add_all (rms s (g_dst g)) v l') l a -> Inv (put s (g_dst g) (learn a g) l).
Proof.
  intros I Hm Ht Hset. destruct (I_net _ I _ Hm) as (N1 & N2 & N3 & _ & N4).
  set (i := g_dst g) in *. pose proof (I_loc _ I i N2) as L.
  assert (Hacc : forall r, In r (acc s) -> WF r) by (intros; now apply I).
  assert (L1 : LI (acc s) i (add_all (rms s i) v l') (hist s i)).
  { eapply take_LI; eauto; [apply I|]. intros r Hr Hlt Hc.
    destruct (memc (r_cid r) (keys (rms s i))) eqn:M; [now apply memc_spec|]. exfalso.
    destruct (I_dead _ I i (r_cid r) N2 Hc) as [_ D2].
    { intros He. apply memc_spec in He. congruence. }
    specialize (D2 r Hr eq_refl).
    assert (Hh : In r (hist s i ++ pend (rms s i))) by (apply in_or_app; now left).
    apply (L_corr _ _ _ _ L) in Hh as [_ Hh]. lia. }
  destruct (settles_LI _ _ Hacc _ _ _ Hset _ L1) as (LA & FA & RA & TA & NA & GA & _ & XE & XI).
  simpl in RA, TA, GA.
  destruct (take_grows _ _ _ _ _ (fun r Hr => Hacc r (N3 r Hr)) Ht) as [Hv _].
  assert (Tg : forall j, tget a j = tget (rms s i) j) by (intros j; unfold tget; now rewrite TA).
  set (learns := g_comp g && vleb nR (g_ts g) (rts a)).
  assert (Row : forall j, j < nM -> tget (learn a g) j =
    if learns then vmax nR (if j =? g_src g then vmax nR (tget (rms s i) j) (g_ts g) else tget (rms s i) j)
                     (nth j (g_tbl g) [])
    else tget (rms s i) j).
  { intros j Hj. unfold tget at 1, learn. simpl tbl. rewrite nth_map_seq by assumption. now rewrite Tg. }
  apply inv_replica; auto.
  - now apply LI_tbl.
  - simpl. now rewrite RA.
  - simpl. rewrite RA. unfold below. eapply take_below; eauto; [|apply (I_rts _ I i N2)].
    intros r Hr. apply (I_wf _ I r (N3 r Hr)).
  - intros j Hj Hmj. simpl rts. rewrite RA.
    assert (X : forall u, vle u (rts (rms s j)) -> vle u (if j =? i then v else rts (rms s j))).
    { intros u Hu. destruct (Nat.eqb_spec j i) as [->|]; auto. eapply vle_trans; eauto. }
    rewrite Row by assumption. apply X. pose proof (I_tbl _ I i j N2 Hj Hmj) as Y.
    destruct learns eqn:Le; auto. unfold learns in Le. apply andb_true_iff in Le as [Le _].
    destruct (N4 Le) as (M1 & M2 & _ & _). apply vmax_lub; [|now apply M2].
    destruct (Nat.eqb_spec j (g_src g)) as [->|]; auto. now apply vmax_lub.
  - intros j Hj Hmj Hn Hmd. simpl gone. rewrite GA. now apply (I_gone _ I i j).
  - intros k Hk Hn. simpl rts. rewrite RA. destruct (heir_in s k I (nR_nM _ Hk)) as [Hh1 Hh2].
    rewrite Row by auto.
    assert (Y : QM s k (tget (rms s i) (heir s k)) (get v k)).
    { eapply QM_le; [apply vle_refl|apply (Hv k Hk)|auto|now apply (I_tblq _ I i k)]. }
    destruct learns eqn:Le; auto. unfold learns in Le. apply andb_true_iff in Le as [Le Lc].
    apply vleb_spec in Lc. rewrite RA in Lc. destruct (N4 Le) as (_ & _ & M3 & M4).
    apply QM_vmax; auto.
    + destruct (Nat.eqb_spec (heir s k) (g_src g)) as [Eh|]; auto. apply QM_vmax; auto.
      eapply QM_le; [apply vle_refl|apply (Lc _ Hk)|auto|now apply M3].
    + eapply QM_le; [apply vle_refl|apply (Lc _ Hk)|auto|now apply M4].
  - intros k Hk Hn. simpl gone. simpl rts. rewrite GA, RA.
    eapply QM_le; [apply vle_refl|apply (Hv k Hk)|auto|now apply (I_goneq _ I i k)].
  - intros f. simpl fin. rewrite NA. apply fin_add_all.
  - intros c Hin Hne. change (keys (learn a g)) with (keys a) in Hne. rewrite map_app, in_app_iff in Hin.
    destruct Hin as [Hin|Hin].
    + destruct (I_dead _ I i c N2 Hin) as [D1 D2]; [intros Hc; apply Hne, XE; exact Hc|].
      split; auto. intros r Hr Hc. apply in_or_app; left; auto.
    + exfalso. apply in_map_iff in Hin as (x & <- & Hx). now apply Hne, XI.
Qed.

Lemma prefix_rts (s : rm) : vle (prefix s) (rts s).
Proof.
  intros o Ho. unfold prefix. rewrite get_tab by assumption.
  induction (pend s) as [|r l IH]; simpl; auto. destruct (r_org r =? o); lia.
Qed.

Lemma prefix_pend (s : rm) r : In r (pend s) -> r_org r < nR -> 0 < r_seq r -> get (prefix s) (r_org r) <
  r_seq r.
Proof.
  intros Hr Ho Hs. unfold prefix. rewrite get_tab by assumption.
  induction (pend s) as [|x l IH]; simpl; [easy|]. destruct Hr as [->|Hr].
  - rewrite Nat.eqb_refl. lia.
  - specialize (IH Hr). destruct (r_org x =? r_org r); lia.
Qed.

Lemma in_needed (s : st) i k : Inv s -> i < nM -> k < nM -> k <> i -> minds i k -> In k (needed (rms s i)).
Proof.
  intros I Hi Hk Hn Hm. unfold needed, peers, keeps, updatable. rewrite (me_i s i I Hi).
  apply filter_In. split.
  - apply filter_In. split; [apply in_seq; lia|]. apply negb_true_iff. now apply Nat.eqb_neq.
  - destruct Hm as [H|H]; apply Nat.ltb_lt in H; rewrite H; auto. apply orb_true_r.
Qed.

Lemma inv_discard (s : st) i upto : Inv s -> i < nM -> vle upto (prefix (rms s i)) ->
  (forall k, In k (needed (rms s i)) -> member s k -> vle upto (tget (rms s i) k)) ->
  Inv (put s i (discard (rms s i) upto) []).
Proof.
  intros I Hi Hp Hk. pose proof (I_loc _ I i Hi) as L.
  assert (Hacc : forall r, In r (acc s) -> WF r) by (intros; now apply I).
  assert (Hin : forall r, In r (hist s i ++ pend (rms s i)) -> In r (acc s)).
  { intros r Hr. now apply (L_corr _ _ _ _ L). }
  assert (Hpa : forall r, In r (pend (rms s i)) -> In r (acc s)) by (intros; apply Hin, in_or_app; now right).
  assert (Hha : forall r, In r (hist s i) -> In r (acc s)) by (intros; apply Hin, in_or_app; now left).
  assert (Hup : forall k, k < nM -> member s k -> k <> i -> minds i k -> vle upto (rts (rms s k))).
  { intros k H1 Hmk H2 H3. eapply vle_trans; [apply (Hk k); auto; now apply in_needed|now apply (I_tbl _ I i k)]. }
  assert (Huq : forall k, k < nR -> k <> i -> QM s k upto (get (rts (rms s i)) k)).
  { intros k H1 H2. destruct (heir_in s k I (nR_nM _ H1)) as [Hh1 Hh2].
    destruct (Nat.eq_dec (heir s k) i) as [E|Hn].
    - intros a r Ha Hr _ Ho _ _. destruct (I_wf _ I r Hr) as [_ Ht]. rewrite Ho in Ht.
      pose proof (I_most _ I k H1). rewrite E in *. lia.
    - eapply QM_le; [|apply le_n|auto|now apply (I_tblq _ I i k)]. apply Hk; auto.
      apply in_needed; auto. now apply heir_minds. }
  assert (Hur : vle upto (rts (rms s i))) by (eapply vle_trans; [exact Hp|apply prefix_rts]).
  apply inv_replica; auto.
  - rewrite app_nil_r. constructor; simpl; try apply L.
    + intros c t Hc. apply filter_In in Hc as [Hc _]. now apply (L_exec _ _ _ _ L).
    + intros r Hr Hc. pose proof (L_exec2 _ _ _ _ L r Hr Hc) as H.
      unfold keys in *; simpl. apply in_map_iff in H as (p & E & H). apply in_map_iff. exists p. split; auto.
      apply filter_In. split; auto. apply negb_true_iff, andb_false_iff. right. apply negb_false_iff.
      apply existsb_exists. exists r. split; auto. now apply ceqb_spec.
    + intros r Hr. apply filter_In in Hr as [Hr _]. now apply (L_done _ _ _ _ L).
    + apply NoDup_filter, L.
    + intros r Hr. rewrite get_vmax by apply (Hacc r (Hha r Hr)).
      destruct (L_log _ _ _ _ L r Hr) as [Hd|Hd]; [|right; lia].
      destruct (le_lt_dec (r_seq r) (get upto (r_org r))); [right; lia|left].
      apply filter_In. split; auto. apply negb_true_iff. now apply Nat.leb_gt.
    + apply vmax_lub; [apply L|exact Hur].
    + intros r Hr. apply in_app_or in Hr as [Hr|Hr].
      * pose proof (L_above _ _ _ _ L r ltac:(apply in_or_app; now left)) as A.
        destruct (Hacc r (Hpa r Hr)) as (W1 & _ & W3). rewrite get_vmax by assumption.
        pose proof (prefix_pend _ r Hr W1 ltac:(lia)). specialize (Hp _ W1). lia.
      * apply filter_In in Hr as [Hr Hs]. apply negb_true_iff, Nat.leb_gt in Hs.
        pose proof (L_above _ _ _ _ L r ltac:(apply in_or_app; now right)) as A.
        assert (W1 : r_org r < nR) by (apply (Hacc r), Hha, (L_done _ _ _ _ L), Hr).
        rewrite get_vmax by assumption. lia.
  - apply (I_fix _ I i Hi).
  - apply vle_refl.
  - now apply (I_rts _ I i).
  - intros j Hj Hmj. change (tget (discard (rms s i) upto) j) with (tget (rms s i) j).
    change (rts (discard (rms s i) upto)) with (rts (rms s i)).
    pose proof (I_tbl _ I i j Hi Hj Hmj). destruct (Nat.eqb_spec j i) as [->|]; auto.
  - intros j Hj Hmj Hn Hm. simpl gone. apply vmax_lub; [now apply (I_gone _ I i j)|now apply Hup].
  - intros k H1 H2. now apply (I_tblq _ I i k).
  - intros k H1 H2. apply QM_vmax; [auto|now apply (I_goneq _ I i k)|now apply Huq].
  - intros c Hc Hne. rewrite app_nil_r in *. destruct (memc c (keys (rms s i))) eqn:M.
    2:{ apply (I_dead _ I i c); auto. intros Hx. apply memc_spec in Hx. congruence. }
    apply memc_spec in M. unfold keys in M, Hne. apply in_map_iff in M as (p & Ep & M).
    destruct (forgotten (rms s i) (filter (fun r => r_seq r <=? get upto (r_org r)) (done (rms s i))) c)
      eqn:F.
    2:{ exfalso. apply Hne. apply in_map_iff. exists p. split; auto. simpl. apply filter_In. rewrite Ep, F.
      auto. }
    unfold forgotten in F. apply andb_true_iff in F as [F1 F2].
    apply existsb_exists in F1 as (R & HR & F1). apply filter_In in HR as [HR Hs]. apply Nat.leb_le in Hs.
    apply andb_true_iff in F1 as [F1 F3]. apply Nat.eqb_eq in F1. apply Nat.ltb_lt in F3.
    apply (L_done _ _ _ _ L) in HR. pose proof (Hha _ HR) as HRa. destruct (Hacc R HRa) as (WR & _).
    split.
    + intros k H1 Hmk. assert (HRk : In R (hist s k ++ pend (rms s k))).
      { destruct (Nat.eq_dec k i) as [->|Hn]; [apply in_or_app; now left|].
        apply (L_corr _ _ _ _ (I_loc _ I k (nR_nM _ H1))). split; auto.
        specialize (Hup k (nR_nM _ H1) Hmk Hn (or_intror H1) _ WR). lia. }
      pose proof (L_fin _ _ _ _ (I_loc _ I k (nR_nM _ H1)) R HRk) as X. rewrite F1 in X. lia.
    + intros r Hr Ec. destruct (I_wf _ I r Hr) as [(W1 & _) Wt].
      assert (Hle : r_seq r <= get (rts (rms s i)) (r_org r)).
      { destruct (Nat.eq_dec (r_org r) i) as [E|Hn]; [rewrite E in *; exact Wt|].
        apply (Huq (r_org r) W1 Hn R r); auto; congruence. }
      assert (Hb : In r (hist s i ++ pend (rms s i))) by (apply (L_corr _ _ _ _ L); auto).
      apply in_app_or in Hb as [?|Hb]; auto. exfalso. apply negb_true_iff in F2. rewrite <- Ec in F2.
      assert (existsb (fun x => ceqb (r_cid r) (r_cid x)) (pend (rms s i)) = true); [|congruence].
      apply existsb_exists. exists r; split; auto. now apply ceqb_spec.
Qed.

Lemma restart_row (s : rm) j : j < nM -> tget (restart s) j = if keeps s j then gone s else [].
Proof. intros Hj. unfold tget, restart. simpl tbl. now rewrite nth_map_seq. Qed.

Lemma inv_crash (s : st) i t : Inv s -> i < nM -> (forall k, k < nM -> vle (nth k t []) (tget (restart (rms s i)) k)) ->
  Inv (put s i (with_tbl (rms s i) t) []).
Proof.
  intros I Hi Ht. pose proof (I_loc _ I i Hi) as L.
  assert (Hacc : forall r, In r (acc s) -> WF r) by (intros; now apply I).
  assert (Row : forall j, j < nM -> vle (nth j t []) (if keeps (rms s i) j then gone (rms s i) else [])).
  { intros j Hj. rewrite <- restart_row by assumption. now apply Ht. }
  assert (Kp : forall j, keeps (rms s i) j = true -> minds i j).
  { intros j. unfold keeps, updatable. rewrite (me_i s i I Hi). intros K.
    apply orb_true_iff in K as [K|K]; apply Nat.ltb_lt in K; [now left|now right]. }
  apply inv_replica; auto; try (rewrite app_nil_r).
  - now apply LI_tbl.
  - apply (I_fix _ I i Hi).
  - apply vle_refl.
  - now apply (I_rts _ I i).
  - intros j Hj Hmj. eapply vle_trans; [now apply Row|]. simpl rts. destruct (keeps (rms s i) j) eqn:K.
    + destruct (Nat.eqb_spec j i) as [->|]; [apply L|]. apply (I_gone _ I i j); auto.
    + destruct (j =? i); apply vle_nil.
  - intros j Hj Hmj Hn Hm. now apply (I_gone _ I i j).
  - intros k Hk Hn. apply (QM_le s k _ (if keeps (rms s i) (heir s k) then gone (rms s i) else []) (get (rts (rms s i)) k)); auto.
    + apply Row. now apply heir_in, nR_nM.
    + destruct (keeps (rms s i) (heir s k)).
      * now apply (I_goneq _ I i k).
      * intros a r Ha Hr Hle. rewrite get_nil in Hle. destruct (Hacc a Ha) as (_ & _ & W). lia.
  - intros k Hk Hn. now apply (I_goneq _ I i k).
  - intros c. apply (I_dead _ I i c Hi).
Qed.

Lemma fold_vmax_ge (l : list vec) : forall t x, In x (t :: l) -> vle x (fold_left (vmax nR) l t).
Proof.
  induction l as [|y l IH]; simpl; intros t x H.
  - destruct H as [->|[]]. apply vle_refl.
  - destruct H as [->|[->|H]].
    + eapply vle_trans; [apply vle_vmax_l|apply IH; now left].
    + eapply vle_trans; [apply vle_vmax_r|apply IH; now left].
    + apply IH. now right.
Qed.

Lemma fold_vmax_closed (Q : vec -> Prop) (l : list vec) : (forall u v, Q u -> Q v -> Q (vmax nR u v)) ->
  forall t, (forall x, In x (t :: l) -> Q x) -> Q (fold_left (vmax nR) l t).
Proof.
  intros C. induction l as [|y l IH]; simpl; intros t H; [apply H; now left|].
  apply IH. intros x [<-|Hx]; [apply C; apply H; auto|apply H; auto].
Qed.

(** The answer to an update that is known covers all records of it that were ever held here. *)
Lemma timestamp_of_ok (s : st) i c t : Inv s -> i < nM -> timestamp_of (rms s i) c = Some t ->
  seen s (held s i c) t /\ hon s t /\ exists r, In r (held s i c) /\ r_cid r = c.
Proof.
  intros I Hi H. pose proof (I_loc _ I i Hi) as L.
  assert (Hin : forall r, In r (hist s i ++ pend (rms s i)) -> In r (acc s)) by (intros r Hr; now apply
    (L_corr _ _ _ _ L)).
  unfold timestamp_of in H. set (A := map r_ts _) in H. set (B := map snd _) in H.
  destruct (A ++ B) as [|t0 l] eqn:E; [discriminate|]. inversion H; subst t; clear H.
  assert (InA : forall x, In x A -> exists r, In r (pend (rms s i)) /\ r_cid r = c /\ r_ts r = x).
  { unfold A. intros x Hx. apply in_map_iff in Hx as (r & <- & Hr). apply filter_In in Hr as [Hr Hc].
    apply ceqb_spec in Hc. eauto. }
  assert (InB : forall x, In x B -> In (c, x) (exec (rms s i))).
  { unfold B. intros x Hx. apply in_map_iff in Hx as ([c' y] & <- & Hr). apply filter_In in Hr as [Hr Hc].
    apply ceqb_spec in Hc. simpl in *. now subst. }
  assert (Ex : exists r, In r (hist s i ++ pend (rms s i)) /\ r_cid r = c).
  { assert (Hx : In t0 (A ++ B)) by (rewrite E; now left). apply in_app_or in Hx as [Hx|Hx].
    - destruct (InA _ Hx) as (r & Hr & Hc & _). exists r. split; auto. apply in_or_app; now right.
    - apply InB in Hx. apply (L_exec _ _ _ _ L) in Hx as [Hx _]. apply in_map_iff in Hx as (r & Hc & Hr).
      exists r. split; auto. apply in_or_app; now left. }
  assert (Key : forall r, In r (hist s i) -> r_cid r = c -> In c (keys (rms s i))).
  { intros r Hr Hc. assert (Hx : In t0 (A ++ B)) by (rewrite E; now left). apply in_app_or in Hx as [Hx|Hx].
    - destruct (InA _ Hx) as (x & Hx1 & Hx2 & _). rewrite <- Hx2. apply (L_exec2 _ _ _ _ L x Hx1).
      rewrite Hx2, <- Hc. now apply in_map.
    - apply InB in Hx. apply in_map_iff. exists (c, t0). auto. }
  splits.
  - intros r Hr. apply filter_In in Hr as [Hr Hc]. apply ceqb_spec in Hc. split; auto.
    apply in_app_or in Hr as [Hr|Hr].
    + pose proof (Key r Hr (eq_sym Hc)) as Hk. apply in_map_iff in Hk as ([c' x] & Ec & Hk). simpl in Ec;
      subst c'.
      eapply vle_trans; [apply (L_exec _ _ _ _ L _ _ Hk); auto|]. apply fold_vmax_ge. rewrite <- E.
      apply in_or_app; right. unfold B. apply in_map_iff. exists (c, x). split; auto. apply filter_In.
        split; auto.
      now apply ceqb_spec.
    + apply fold_vmax_ge. rewrite <- E. apply in_or_app; left. unfold A. apply in_map, filter_In. split; auto.
      now apply ceqb_spec.
  - apply fold_vmax_closed; [intros; now apply hon_vmax|]. rewrite <- E. intros x Hx.
    apply in_app_or in Hx as [Hx|Hx].
    + destruct (InA _ Hx) as (r & Hr & _ & <-). apply hon_ts; auto. apply Hin, in_or_app; now right.
    + apply InB in Hx. apply (L_exec _ _ _ _ L) in Hx as (_ & _ & Hv & Hg). intros _. split.
      * eapply below_vle; [apply (I_rts _ I i Hi)|]. eapply vle_trans; [exact Hv|apply L].
      * eapply Gen_incl; [|exact Hg]. intros r Hr. apply Hin, in_or_app; now left.
  - destruct Ex as (r & Hr & Hc). exists r. split; auto. apply filter_In. split; auto. now apply ceqb_spec.
Qed.

Lemma in_beyond (s : rm) v r : In r (beyond s v) -> In r (pend s ++ done s).
Proof.
  unfold beyond. intros H. apply in_flat_map in H as (o & _ & H). apply in_flat_map in H as (k & _ & H).
  destruct (find _ _) as [x|] eqn:F; [|easy]. destruct H as [<-|[]]. now apply find_some in F as [F _].
Qed.

(** ** Replacement *)

Lemma fresh_copy_LI acc i j (x : rm) h : LI acc j x h -> LI acc i (fresh_copy i x) h.
Proof. intros L. constructor; try apply L. reflexivity. Qed.

Lemma fresh_row i (x : rm) j : j < nM ->
  tget (fresh_copy i x) j = if updatable i || updatable j then gone x else [].
Proof. intros Hj. unfold tget, fresh_copy, restart, with_tbl. cbn [tbl]. now rewrite nth_map_seq. Qed.

Section Replaced.
Variables (s : st) (src : nat -> nat) (new : nat -> bool) (late : list (@gsp Op)).
Hypothesis I : Inv s.
Hypothesis W : replaces s src new late.
Notation kept := (kept s src).
Notation only := (only s src).
Notation s' := (replaced s src new late).

Lemma in_only d r : In r (only d) <-> In r d /\ kept r = true.
Proof. apply filter_In. Qed.

Lemma src_in i : i < nM -> src i < nM /\ member s (src i) /\ src (src i) = src i.
Proof. intros Hi. destruct (W_src _ _ _ _ W i Hi) as [(A & B & C) _]. auto. Qed.

Lemma kept_held j r : j < nM -> In r (hist s (src j) ++ pend (rms s (src j))) -> kept r = true.
Proof.
  intros Hj Hr. pose proof (W_src _ _ _ _ W j Hj) as [Sj _]. destruct (src_in j Hj) as (A & _ & _).
  apply (L_corr _ _ _ _ (I_loc _ I (src j) A)) in Hr as [Ha Hr]. apply Nat.leb_le.
  pose proof (W_most _ _ _ _ W (r_org r) (src j) (proj1 (proj1 (I_wf _ I r Ha))) Sj). lia.
Qed.

Lemma seen_only d t : seen s d t -> seen s' (only d) t.
Proof. intros H r Hr. apply in_only in Hr as [Hr K]. destruct (H r Hr). split; auto. now apply in_only. Qed.

Lemma QM_only k v n : QM s k v n -> QM s' k v n.
Proof. intros Q a r Ha Hr. apply in_only in Ha as [Ha _], Hr as [Hr _]. now apply Q. Qed.

Lemma minds_src i j : i < nM -> j < nM -> minds i j -> minds (src i) (src j).
Proof.
  intros Hi Hj. unfold minds. destruct (W_src _ _ _ _ W i Hi) as [_ [->|]]; auto.
  destruct (W_src _ _ _ _ W j Hj) as [_ [->|]]; auto.
Qed.

Lemma gone_src i j : i < nM -> j < nM -> minds i j -> vle (gone (rms s (src i))) (rts (rms s (src j))).
Proof.
  intros Hi Hj Hm. destruct (src_in i Hi) as (A & B & _), (src_in j Hj) as (A' & B' & _).
  apply (I_gone _ I); auto. now apply minds_src.
Qed.

Lemma within_kept v r : within s src v = true -> In r (acc s) -> vle (r_ts r) v -> kept r = true.
Proof.
  intros E Ha Hr. apply vleb_spec in E. apply Nat.leb_le. destruct (proj1 (I_wf _ I r Ha)) as (Ho & _).
  specialize (E _ Ho). rewrite get_tab in E by assumption. specialize (Hr _ Ho). unfold r_seq. lia.
Qed.

Lemma rms_cases i : src i = i /\ rms s' i = rms s i \/ src i <> i /\ rms s' i = fresh_copy i (rms s (src i)).
Proof. simpl. destruct (Nat.eqb_spec (src i) i); auto. Qed.

(** All but the number and the table is the other one's. *)
Lemma rms_same i : rts (rms s' i) = rts (rms s (src i)) /\ gone (rms s' i) = gone (rms s (src i)) /\
  fin (rms s' i) = fin (rms s (src i)) /\ keys (rms s' i) = keys (rms s (src i)) /\
  val (rms s' i) = val (rms s (src i)) /\ pend (rms s' i) = pend (rms s (src i)).
Proof. destruct (rms_cases i) as [[E ->]|[_ ->]]; [rewrite E|]; splits; reflexivity. Qed.

Lemma top_src k : top s' k = get (rts (rms s (src k))) k.
Proof. unfold top. now rewrite (proj1 (rms_same k)). Qed.

Lemma heir_after k : k < nR -> heir s' k = k /\ (survivor s src k \/ top s k = 0) \/ heir s' k = src k /\ src k <> k.
Proof.
  intros Hk. simpl. destruct (new k) eqn:E.
  - left. split; auto. right. now apply (W_new _ _ _ _ W).
  - destruct (Nat.eq_dec (src k) k) as [Ek|Hn]; auto. left. split; auto. left. rewrite <- Ek. now apply (W_src _ _ _ _ W), nR_nM.
Qed.

Lemma late_ok g : In g late -> NI s' (MGsp g).
Proof.
  intros Hl. destruct (W_late _ _ _ _ W g Hl) as (Hm & Sg & Hc).
  destruct (I_net _ I _ Hm) as (N1 & N2 & N3 & N0 & N4). destruct Sg as (_ & Mg & Eg).
  simpl. splits; auto.
  - intros r Hr. apply in_only. split; [auto|]. apply Nat.leb_le. eapply Nat.le_trans; [now apply N0|].
    apply (W_most _ _ _ _ W); [|now split]. now apply (I_wf _ I r (N3 r Hr)).
  - intros r Hr. rewrite Eg, Nat.eqb_refl. auto.
  - intros C. destruct (Hc C) as (Tb & Hk). destruct (N4 C) as (A & _ & B & _). rewrite Eg, Tb, Nat.eqb_refl. splits; [exact A| | |].
    + intros k _ _. destruct k; apply vle_nil.
    + intros k Hkr Hh. destruct (heir_after k Hkr) as [[E [S|Z]]|[E Hn]]; simpl in Hh, E; rewrite Hh in E.
      * apply QM_only, B; auto. rewrite E. apply S.
      * intros a r _ Hr _ Ho _ _. apply in_only in Hr as [Hr _]. destruct (I_wf _ I r Hr) as [(_ & _ & Wz) Wt].
        rewrite Ho, Z in Wt. lia.
      * intros a r _ Hr _ Ho _ _. apply in_only in Hr as [_ Hr]. apply Nat.leb_le in Hr. rewrite Ho in Hr.
        specialize (Hk k Hkr (eq_sym E)). rewrite <- E in Hn. specialize (Hk (not_eq_sym Hn)). lia.
    + intros k Hkr a r Ha _ Hle. apply in_only in Ha as [Ha _]. exfalso.
      destruct (I_wf _ I a Ha) as [(_ & _ & Wz) _]. revert Hle. destruct (if new k then k else src k); simpl; rewrite get_nil; lia.
Qed.

Lemma after_ok m x : In m (net s) -> In x (after s src m) -> NI s' x.
Proof.
  intros Hin H. pose proof (I_net _ I _ Hin) as N. assert (Hl : forall v, hon s' v) by (intros v E; discriminate). destruct m; simpl in *.
  - destruct N as (A & B & C & _). destruct H as [<-|[]]. simpl. splits; auto. now apply seen_only.
  - destruct N as (A & _ & r & Hr & Hc). destruct H as [<-|[]].
    destruct (within s src t) eqn:F; [|split; auto; now apply seen_only].
    assert (K : forall x, In x d -> kept x = true) by (intros x Hx; destruct (A x Hx); now apply within_kept with t).
    simpl. splits; [|apply Hl|eauto]. intros x Hx. destruct (A x Hx). split; auto. apply in_only. auto.
  - easy.
  - destruct H as [<-|[]]. now apply seen_only.
  - destruct N as (A & B & C & D & V & O). destruct H as [<-|[]].
    destruct (within s src t) eqn:F; [|split; auto; apply seen_only; intros r Hr; now apply C].
    simpl. splits; auto.
    + apply vleb_spec in F. intros k Hk. specialize (F k Hk). rewrite get_tab in F by assumption. now rewrite top_src.
    + intros k Hk. destruct (B k Hk) as [?|(r & Hr & Hle & E)]; auto. right. exists r. splits; auto.
      apply in_only. split; auto. now apply within_kept with t.
    + intros r. rewrite in_only, C. split; [intros [H1 H2]; splits; auto; now apply within_kept with t|tauto].
    + intros l1 r l2 E r' Hr'. apply in_only in Hr' as [Hr' _]. now apply (O l1 r l2 E r').
  - destruct N as (A & _). destruct H as [<-|[]]. simpl. split; auto. now apply seen_only.
Qed.

Theorem inv_replaced : Inv s'.
Proof.
  assert (Wf : forall r, In r (acc s) -> WF r) by (intros; now apply I).
  pose proof top_src as T.
  assert (Top : forall j k, j < nM -> k < nR -> get (rts (rms s (src j))) k <= top s' k).
  { intros j k Hj Hk. rewrite T. apply (W_most _ _ _ _ W); auto. now apply (W_src _ _ _ _ W). }
  assert (Fresh : forall i j, i < nM -> j < nM -> vle (tget (fresh_copy i (rms s (src i))) j) (gone (rms s (src i)))).
  { intros i j Hi Hj. rewrite fresh_row by assumption. destruct (_ || _); [apply vle_refl|apply vle_nil]. }
  assert (Gq : forall i k, i < nM -> k < nR -> QM s' k (gone (rms s (src i))) (get (rts (rms s (src i))) k)).
  { intros i k Hi Hk. apply QM_only, (I_goneq _ I); auto. now apply src_in. }
  assert (Wf' : forall r, In r (acc s') -> WF r) by (intros r Hr; apply in_only in Hr as [Hr _]; auto).
  constructor.
  - intros i Hi. change (LI (only (acc s)) i (rms s' i) (hist s (src i))). destruct (src_in i Hi) as (A & _). pose proof (I_loc _ I _ A) as L.
    assert (L' : LI (only (acc s)) (src i) (rms s (src i)) (hist s (src i))).
    { constructor; try apply L.
      + intros r. rewrite in_only. split.
        * intros Hr. pose proof (kept_held i r Hi Hr). apply (L_corr _ _ _ _ L) in Hr. tauto.
        * intros [[H1 _] H2]. now apply (L_corr _ _ _ _ L).
      + intros l1 r l2 E r' Hr'. apply in_only in Hr' as [Hr' _]. now apply (L_ord _ _ _ _ L l1 r l2 E r'). }
    destruct (rms_cases i) as [[E ->]|[_ ->]]; [now rewrite E in *|now apply fresh_copy_LI with (j := src i)].
  - intros i Hi. destruct (rms_cases i) as [[E ->]|[_ ->]]; [now apply (I_fix _ I i)|].
    apply (I_fix _ I (src i)). now apply src_in.
  - intros r Hr. apply in_only in Hr as [Hr K]. split; auto. rewrite T. now apply Nat.leb_le.
  - intros i Hi k Hk. rewrite (proj1 (rms_same i)). now apply Top.
  - intros r r' Hr Hr'. apply in_only in Hr as [Hr _], Hr' as [Hr' _]. now apply I.
  - discriminate.
  - intros i j Hi Hj Hmj. rewrite (proj1 (rms_same j)). destruct (src_in j Hj) as (Aj & Bj & Cj).
    destruct (rms_cases i) as [[E ->]|[_ ->]].
    + destruct (src_in i Hi) as (A & B & _). rewrite E in A, B.
      unfold member in Hmj. simpl in Hmj. destruct (new j) eqn:N.
      * eapply vle_trans; [apply (W_row _ _ _ _ W i j); auto; now split|].
        destruct (W_new _ _ _ _ W j N) as (_ & Nj & _).
        destruct (W_src _ _ _ _ W j Hj) as [_ [X|X]]; [rewrite X in Bj; now elim Nj|].
        apply (I_gone _ I); auto. now right.
      * rewrite Hmj in *. now apply (I_tbl _ I i j).
    + rewrite fresh_row by assumption. unfold updatable.
      destruct (_ || _) eqn:K; [|apply vle_nil]. apply gone_src; auto.
      apply orb_true_iff in K as [K|K]; apply Nat.ltb_lt in K; [now left|now right].
  - intros i j Hi Hj _ Hmd. rewrite (proj1 (rms_same j)), (proj1 (proj2 (rms_same i))). now apply gone_src.
  - intros i k Hi Hk. rewrite (proj1 (rms_same i)). assert (HkM := nR_nM _ Hk).
    destruct (rms_cases i) as [[E ->]|[_ ->]].
    2:{ apply (QM_le s' k _ (gone (rms s (src i))) (get (rts (rms s (src i))) k)); auto.
        apply Fresh; auto. simpl heir. destruct (new k); auto. now apply src_in. }
    destruct (src_in i Hi) as (A & B & C). rewrite E in *.
    assert (Trivial : get (rts (rms s (src k))) k <= get (rts (rms s i)) k -> QM s' k (tget (rms s i) (heir s' k)) (get (rts (rms s i)) k)).
    { intros X a r _ Hr _ Ho _ _. apply in_only in Hr as [_ Hr]. apply Nat.leb_le in Hr. rewrite Ho in Hr. lia. }
    destruct (heir_after k Hk) as [[Eh [S|Z]]|[Eh Hn]].
    + rewrite Eh. apply QM_only. destruct S as (_ & S & _). rewrite <- S at 2. now apply (I_tblq _ I i k).
    + apply Trivial. pose proof (I_rts _ I (src k) ltac:(now apply src_in) k Hk). lia.
    + rewrite Eh in *. destruct (proj2 (W_row _ _ _ _ W i k ltac:(now split) HkM) Hk Hn) as [X|X]; auto.
      apply (QM_le s' k _ (gone (rms s i)) (get (rts (rms s i)) k)); auto. specialize (Gq i k Hi Hk). now rewrite E in Gq.
  - intros i k Hi Hk. rewrite (proj1 (rms_same i)), (proj1 (proj2 (rms_same i))). now apply Gq.
  - intros x Hx. simpl in Hx. apply in_app_or in Hx as [Hx|Hx].
    { apply in_map_iff in Hx as (g & <- & Hg). now apply late_ok. }
    apply in_flat_map in Hx as (m & Hmn & Hx). now apply after_ok with m.
  - intros f. split; [|intros E; discriminate]. simpl. apply seen_only, (I_fe _ I f).
  - intros r Hr. apply in_only in Hr as [Hr _]. simpl. now apply I.
  - intros r Hr. apply in_only in Hr as [Hr _]. simpl. apply seen_only. now apply I.
  - intros r Hr. apply in_only in Hr as [Hr _]. simpl. now apply I.
  - intros i c Hi Hc Hn. simpl hist in Hc. destruct (rms_same i) as (_ & _ & _ & Ek & _). rewrite Ek in Hn.
    destruct (src_in i Hi) as (A & _). destruct (I_dead _ I (src i) c A Hc Hn) as [D1 D2]. split.
    + intros k Hk _. destruct (src_in k (nR_nM _ Hk)) as (A' & B' & _). destruct (rms_same k) as (_ & _ & Ef & _). rewrite Ef.
      destruct (W_src _ _ _ _ W k (nR_nM _ Hk)) as [_ [E|E]]; [rewrite E in *|]; now apply D1.
    + intros r Hr. apply in_only in Hr as [Hr _]. now apply D2.
  - intros k Hk. simpl. destruct (src_in k Hk) as (A & B & C). destruct (new k) eqn:E.
    + rewrite E. auto.
    + destruct (new (src k)) eqn:E'; splits; auto. destruct (W_src _ _ _ _ W k Hk) as [_ H]. exact H.
      destruct (W_src _ _ _ _ W k Hk) as [_ H]. exact H.
  - intros k Hk. rewrite T. destruct (src_in k (nR_nM _ Hk)) as (A & B & C). rewrite (proj1 (rms_same _)). simpl.
    destruct (new k); [auto|]. now rewrite C.
  - intros c n Hc H0 Hle. rewrite T in Hle. destruct (src_in c (nR_nM _ Hc)) as (A & _).
    destruct (I_cnt _ I c n Hc H0) as (r & Hr & Ho & Hs).
    { pose proof (I_rts _ I _ A c Hc). lia. }
    exists r. splits; auto. apply in_only. split; auto. apply Nat.leb_le. rewrite Ho, Hs. exact Hle.
Qed.
End Replaced.

(** A manager that takes the state of a member that is ahead. *)
Theorem inv_copy (s : st) i j : Inv s -> i < nM -> j < nR -> member s j -> vle (rts (rms s i)) (rts (rms s j)) ->
  Inv (mkst (upd (rms s) i (fresh_copy i (rms s j))) (upd (hist s) i (hist s j)) (acc s) (net s) (fes s)
         (gdep s) (gsub s) (lied s) (heir s)).
Proof.
  intros I Hi Hj Hmj Hle. set (s' := mkst _ _ _ _ _ _ _ _ _). assert (HjM := nR_nM _ Hj).
  assert (Wf : forall r, In r (acc s) -> WF r) by (intros; now apply I).
  assert (Hru : forall k, k < nM -> vle (rts (rms s k)) (rts (rms s' k))).
  { intros k Hk. simpl. at_i k i; [exact Hle|apply vle_refl]. }
  assert (E : ext s s').
  { constructor; simpl; auto. apply incl_refl. }
  assert (T : forall c, c < nR -> top s' c = top s c).
  { intros c Hc. unfold top; simpl. at_i c i; auto. apply Nat.le_antisymm; [now apply (I_rts _ I j)|now apply Hle]. }
  assert (BB : forall v, below s v -> below s' v) by (intros v Hv c Hc; rewrite T; auto).
  constructor; simpl.
  - intros k Hk. at_i k i; [|now apply I]. apply fresh_copy_LI with (j := j). now apply I.
  - intros k Hk. at_i k i; [|now apply I]. apply (I_fix _ I j HjM).
  - intros r Hr. rewrite T by apply (Wf r Hr). now apply I.
  - intros k Hk. apply BB. at_i k i; [apply (I_rts _ I j HjM)|now apply I].
  - apply I.
  - intros Hl. destruct (I_hon _ I Hl). split; auto.
  - intros k l Hk Hl Hml. change (member s l) in Hml. eapply vle_trans; [|now apply (Hru l)].
    at_i k i; [|now apply I]. rewrite fresh_row by assumption. destruct (_ || _); [|apply vle_nil].
    apply (I_gone _ I j l); auto. now left.
  - intros k l Hk Hl Hml Hmd. change (member s l) in Hml. eapply vle_trans; [|now apply (Hru l)].
    at_i k i; [|now apply I]. apply (I_gone _ I j l); auto. now left.
  - intros k c Hk Hc. at_i k i; [|now apply (I_tblq _ I k c)].
    rewrite fresh_row by now apply heir_in, nR_nM.
    eapply QM_le; [|apply le_n|auto|apply (I_goneq _ I j c); auto]. destruct (_ || _); [apply vle_refl|apply vle_nil].
  - intros k c Hk Hc. at_i k i; [|now apply (I_goneq _ I k c)]. now apply (I_goneq _ I j c).
  - intros m Hm. eapply NI_mono; eauto. now apply I.
  - intros f. destruct (I_fe _ I f) as (A & B). split; auto. eapply hon_ext; eauto.
  - apply I.
  - apply I.
  - apply I.
  - intros k c Hk Hin Hne.
    assert (X : (forall k, k < nR -> member s k -> snd c < lowof (fin (rms s k)) (fst c)) /\
                (forall r, In r (acc s) -> r_cid r = c -> In r (upd (hist s) i (hist s j) k))).
    { at_i k i; [now apply (I_dead _ I j c)|now apply (I_dead _ I k c)]. }
    destruct X as [X1 X2]. split; auto. intros l Hl Hml. at_i l i; [|now apply X1]. now apply (X1 j).
  - apply I.
  - intros k Hk. change (top s' k <= get (rts (rms s' (heir s k))) k). rewrite T by assumption.
    eapply Nat.le_trans; [now apply (I_most _ I)|]. apply Hru; auto. now apply heir_in, nR_nM.
  - intros c n Hc H0 Hn. change (top (mkst _ _ _ _ _ _ _ _ _) c) with (top s' c) in Hn. rewrite T in Hn by assumption. now apply I.
Qed.

Theorem inv_step (s s' : st) : Inv s -> step s s' -> Inv s'.
Proof.
  intros I S. destruct S.
  - apply inv_submit; auto; [apply (I_fe _ I f)|]. intros _. apply (I_fe _ I f).
  - apply inv_submit; auto; [intros r []|discriminate].
  - apply inv_soft; auto.
    + intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; lia.
    + intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; [|apply (I_fe _ I)].
      split; [intros r []|]. intros _. split; [|apply Gen_nil]. intros c Hc. rewrite get_nil. lia.
  - now apply inv_accept.
  - pose proof (timestamp_of_ok s i c t I H H0). now apply inv_send.
  - destruct (I_net _ I _ H) as (A & B & _). now apply inv_sees.
  - apply inv_send; auto. intros net'. pose proof (I_loc _ I i H) as L. simpl. rewrite (me_i s i I H).
    splits; auto.
    + intros r Hr. apply in_beyond in Hr. apply (L_corr _ _ _ _ L). apply in_or_app.
      apply in_app_or in Hr as [?|Hr]; auto. left. now apply (L_done _ _ _ _ L).
    + intros r Hr. apply in_beyond in Hr. apply (L_corr _ _ _ _ L). apply in_or_app.
      apply in_app_or in Hr as [?|Hr]; auto. left. now apply (L_done _ _ _ _ L).
    + assert (Row : forall k, k < nM -> nth k (if relays then map (tget (rms s i)) (seq 0 nM) else []) [] =
          if relays then tget (rms s i) k else []).
      { intros k Hk. destruct relays; [now rewrite nth_map_seq|]. destruct k; auto. }
      intros _. splits.
      * apply vle_refl.
      * intros k Hk Hmk. rewrite Row by assumption. destruct relays; [now apply (I_tbl _ I i k)|apply vle_nil].
      * intros k Hk Hh a r Ha Hr _ Ho _ _. destruct (I_wf _ I r Hr) as [_ Hr2]. rewrite Ho in Hr2.
        change (heir s k = i) in Hh. pose proof (I_most _ I k Hk) as M. rewrite Hh in M. lia.
      * intros k Hk. simpl heir. rewrite Row by now apply heir_in, nR_nM. destruct relays; [now apply (I_tblq _ I i k)|].
        intros a r Ha Hr Hle. rewrite get_nil in Hle. destruct (I_wf _ I a Ha) as [(_ & _ & W) _]. lia.
  - destruct H0 as (A & B & C & D). destruct (I_net _ I _ H) as (N1 & N2 & N3 & N0 & N4).
    apply inv_send; auto. intros net'. simpl. rewrite A, B.
    splits; [auto|auto|intros r Hr; auto|intros r Hr; auto|].
    + intros F. destruct (D F) as (D1 & D2 & D3). rewrite D2, D3. apply N4, D1.
  - eapply inv_recv; eauto.
  - now apply inv_discard.
  - now apply inv_crash.
  - now apply inv_replaced.
  - now apply inv_copy.
  - apply inv_send; auto. intros net'. apply (I_fe _ I f).
  - apply inv_send; auto. intros net' r [].
  - pose proof (I_loc _ I i H) as L. pose proof (I_net _ I _ H0) as Hq. simpl in Hq.
    unfold on_query in H1. destruct (vleb nR prev (vts (rms s i))) eqn:E; [|discriminate].
    apply vleb_spec in E. inversion H1; subst.
    assert (Hacc : forall r, In r (acc s) -> WF r) by (intros; now apply I).
    apply inv_send; auto. intros net'. simpl. splits.
    + eapply below_vle; [apply (I_rts _ I i H)|apply L].
    + eapply Gen_incl; [|apply L]. intros x Hx. apply (L_corr _ _ _ _ L). apply in_or_app; now left.
    + intros x. now apply (hist_is_downset _ _ Hacc _ _ L (I_fix _ I i H)).
    + intros x Hx. destruct (Hq x Hx) as [Hx1 Hx2].
      apply (hist_is_downset _ _ Hacc _ _ L (I_fix _ I i H)). split; auto. eapply vle_trans; eauto.
    + apply L.
    + apply L.
  - destruct (I_net _ I _ H) as (N1 & N2 & N3 & _). apply inv_sees; auto; [|now split].
    intros x Hx. now apply N3.
  - apply inv_send; auto. intros net'. apply (I_fe _ I f).
  - destruct (I_net _ I _ H) as (A & B). now apply inv_sees.
Qed.

Theorem reach_inv (s : st) : reach s -> Inv s.
Proof. induction 1; [now apply inv_begin|eapply inv_step; eauto]. Qed.
End Preserve.
