(** The steps of front ends and managers keep the invariant. *)
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
  { intros k H1 Hmk H2 H3. eapply vle_trans; [apply (Hk k); auto; now apply in_needed|now apply (I_tbl _ I i
    k)]. }
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

Lemma inv_crash (s : st) i t : Inv s -> i < nM -> (forall k, k < nM -> vle (nth k t []) (tget (restart (rms s
  i)) k)) ->
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
  - intros k Hk Hn. apply (QM_le s k _ (if keeps (rms s i) (heir s k) then gone (rms s i) else []) (get (rts
      (rms s i)) k)); auto.
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
End Preserve.
