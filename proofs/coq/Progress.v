(** Gossip brings every replica manager up to date: it can, from every reachable state; and it does, if it
    is fair and updates stop for long enough. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local System Invariant Preserve Replaced Reachable Converge Theorems.

Section Progress.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation veq := (veq nR).
Notation urec := (@urec Op).
Notation st := (@st Op Val).

Lemma steps_trans (s s1 s2 : st) : steps s s1 -> steps s1 s2 -> steps s s2.
Proof. induction 1; intros; auto. econstructor; eauto. Qed.
Lemma steps_reach (s s' : st) : reach s -> steps s s' -> reach s'.
Proof. intros R H. induction H; auto. apply IHsteps. eapply R_step; eauto. Qed.

Lemma settles_rts (s s' : @rm Op Val) l : settles s l s' -> rts s' = rts s.
Proof. induction 1; auto. Qed.

(** ** What a message brings *)

Lemma take_app claimed (l1 l2 : list urec) : forall v,
  fst (take claimed v (l1 ++ l2)) = fst (take claimed (fst (take claimed v l1)) l2).
Proof.
  induction l1 as [|r l1 IH]; simpl; intros v; auto. destruct (_ && _); auto.
  specialize (IH (vset nR v (r_org r) (r_seq r))).
  destruct (take claimed (vset nR v (r_org r) (r_seq r)) (l1 ++ l2)).
  destruct (take claimed (vset nR v (r_org r) (r_seq r)) l1). exact IH.
Qed.

Lemma take_ge claimed (l : list urec) v : (forall r, In r l -> WF r) -> vle v (fst (take claimed v l)).
Proof. intros W. destruct (take claimed v l) as [v' l'] eqn:E. now apply take_grows in E. Qed.

(** Consecutive records of one origin, of which none is missing that is not held. *)
Lemma take_seg (F : nat -> list urec) claimed o : o < nR ->
  (forall k, F k = [] \/ exists r, F k = [r] /\ r_org r = o /\ r_seq r = k) ->
  forall n a v, a <= get v o -> (forall k, a < k <= a + n -> get v o < k -> F k <> []) ->
  a + n <= get claimed o -> a + n <= get (fst (take claimed v (flat_map F (seq (S a) n)))) o.
Proof.
  intros Ho HF. induction n as [|n IH]; intros a v Ha Hne Hc; [simpl; lia|].
  simpl seq. simpl flat_map. rewrite take_app.
  assert (X : S a <= get (fst (take claimed v (F (S a)))) o /\ get v o <= get (fst (take claimed v (F (S
    a)))) o).
  { destruct (HF (S a)) as [E|(r & E & Er & Es)].
    - destruct (le_lt_dec (S a) (get v o)) as [L|L]; [rewrite E; simpl; lia|].
      exfalso. apply (Hne (S a)); auto; lia.
    - rewrite E. cbn [take]. rewrite Er, Es.
      destruct (Nat.eqb_spec (S a) (S (get v o))) as [Ee|Ee]; cbn [andb fst]; [|lia].
      + replace (S a <=? get claimed o) with true by (symmetry; apply Nat.leb_le; lia). cbn [fst].
        rewrite get_vset_eq by assumption. lia. }
  destruct X as [X1 X2]. specialize (IH (S a) (fst (take claimed v (F (S a)))) X1).
  replace (a + S n) with (S a + n) by lia. apply IH; [|lia]. intros k Hk Hlt. apply Hne; lia.
Qed.

(** Gossip made for [j] from what is known of it fills every gap there, now and at any later time. *)
Lemma delivers (s : st) i j asks relays v : reach s -> i < nM -> j < nM -> member s j -> minds i j ->
  vle (rts (rms s j)) v ->
  let g := make_gossip (rms s i) j (tget (rms s i) j) asks relays in
  vle (rts (rms s i)) (fst (take (g_ts g) v (g_log g))).
Proof.
  intros HR Hi Hj Hmj Hm Hv g o Ho. pose proof (reach_inv s HR) as I.
  assert (W : forall r, In r (beyond (rms s i) (tget (rms s i) j)) -> WF r).
  { intros r Hr. apply in_beyond in Hr. apply (log_exact s HR i r Hi) in Hr as [Hr _].
    apply (replica_ts_correct s HR) in Hr; auto. now apply I. }
  destruct (le_lt_dec (get (rts (rms s i)) o) (get v o)) as [L|L].
  { pose proof (take_ge (g_ts g) (g_log g) v W o Ho). lia. }
  unfold g; simpl g_ts; simpl g_log. unfold beyond in *. set (F := fun o => flat_map _ _) in *.
  assert (Hin : In o (seq 0 nR)) by (apply in_seq; lia).
  apply in_split in Hin as (l1 & l2 & E). rewrite E in *. rewrite flat_map_app in *. simpl flat_map in *.
  rewrite !take_app.
  assert (W1 : forall r, In r (flat_map F l1) -> WF r) by (intros; apply W, in_or_app; now left).
  assert (W2 : forall r, In r (flat_map F l2) -> WF r).
  { intros; apply W, in_or_app; right. apply in_or_app; now right. }
  pose proof (take_ge (rts (rms s i)) (flat_map F l1) v W1) as G1.
  set (v1 := fst (take (rts (rms s i)) v (flat_map F l1))) in *.
  eapply Nat.le_trans; [|apply (take_ge _ _ _ W2 o Ho)].
  assert (W3 : forall r, In r (F o) -> WF r).
  { intros; apply W, in_or_app; right. apply in_or_app; now left. }
  destruct (le_lt_dec (get (rts (rms s i)) o) (get v1 o)) as [L1|L1].
  { pose proof (take_ge (rts (rms s i)) (F o) v1 W3 o Ho). lia. }
  pose proof (I_tbl _ I i j Hi Hj Hmj o Ho) as Ht. pose proof (Hv o Ho) as Hv'. pose proof (G1 o Ho) as G1'.
  set (a := get (tget (rms s i) j) o) in *.
  replace (get (rts (rms s i)) o) with (a + (get (rts (rms s i)) o - a)) at 1 by lia.
  unfold F. apply take_seg; auto; try lia.
  - intros k. destruct (find _ _) as [r|] eqn:Fi; [right|now left]. apply find_some in Fi as [_ Fi].
    apply andb_true_iff in Fi as [F1 F2]. apply Nat.eqb_eq in F1, F2. eauto.
  - intros k Hk Hlt.
    destruct (I_cnt _ I o k Ho ltac:(lia)) as (r & Hr & Hro & Hrs).
    { pose proof (I_rts _ I i Hi o Ho). lia. }
    assert (Hlog : In r (pend (rms s i) ++ done (rms s i))).
    { apply (log_exact s HR i r Hi). split.
      - apply (replica_ts_correct s HR); auto. split; auto. rewrite Hro, Hrs. lia.
      - rewrite Hro, Hrs. pose proof (I_gone _ I i j Hi Hj Hmj Hm o Ho). lia. }
    destruct (find _ _) as [x|] eqn:Fi; [discriminate|]. exfalso.
    apply (find_none _ _ Fi) in Hlog. now rewrite Hro, Hrs, !Nat.eqb_refl in Hlog.
Qed.

(** ** It can converge *)

(** One exchange from [i] to [j]. *)
Lemma exchange (s : st) i j : reach s -> i < nR -> j < nM -> member s j -> exists s', steps s s' /\
  acc s' = acc s /\ lied s' = lied s /\ heir s' = heir s /\
  vle (rts (rms s j)) (rts (rms s' j)) /\ vle (rts (rms s i)) (rts (rms s' j)) /\
  (forall k, k <> j -> rts (rms s' k) = rts (rms s k)).
Proof.
  intros HR Hi Hj Hmj. pose proof (reach_inv s HR) as I.
  set (g := make_gossip (rms s i) j (tget (rms s i) j) false false).
  destruct (take (g_ts g) (rts (rms s j)) (g_log g)) as [v l'] eqn:Et.
  destruct (settle (add_all (rms s j) v l')) as [a l] eqn:Es.
  assert (Wl : forall r, In r (g_log g) -> WF r).
  { intros r Hr. apply in_beyond in Hr. apply (log_exact s HR i r) in Hr as [Hr _]; auto.
    apply (replica_ts_correct s HR) in Hr; auto. now apply I. }
  destruct (take_grows _ _ _ _ _ Wl Et) as [Hg Hinc].
  apply settle_settles in Es.
  2:{ simpl. intros r Hr. apply in_app_or in Hr as [Hr|Hr]; [|now apply Wl, Hinc].
      assert (Hx : In r (acc s)) by (apply (L_corr _ _ _ _ (I_loc _ I j Hj)), in_or_app; now right). now
        apply I. }
  assert (Er : rts a = v).
  { now rewrite (settles_rts _ _ _ Es). }
  exists (put (send s (MGsp g)) j (learn a g) l). splits; auto.
  - econstructor; [apply (S_send s i j (tget (rms s i) j) false false); auto|].
    econstructor; [|apply St_refl]. refine (S_recv (send s (MGsp g)) g v l' l a _ Et Es). now left.
  - simpl. rewrite upd_eq. simpl. now rewrite Er.
  - simpl. rewrite upd_eq. simpl. rewrite Er. replace v with (fst (take (g_ts g) (rts (rms s j)) (g_log g))).
    + apply delivers; auto; [now left|apply vle_refl].
    + now rewrite Et.
  - intros k Hk. simpl. now rewrite upd_neq.
Qed.

(** Everyone who takes updates sends to [j]. *)
Lemma gather (s : st) j n : reach s -> j < nM -> member s j -> n <= nR -> exists s', steps s s' /\
  acc s' = acc s /\ lied s' = lied s /\ heir s' = heir s /\
  (forall k, k <> j -> rts (rms s' k) = rts (rms s k)) /\
  vle (rts (rms s j)) (rts (rms s' j)) /\
  (forall k, k < n -> vle (rts (rms s k)) (rts (rms s' j))).
Proof.
  intros HR Hj Hmj. induction n as [|n IH]; intros Hn.
  - exists s; splits; auto; try apply St_refl; try apply vle_refl. intros; lia.
  - destruct IH as (s1 & A & B & Bl & Bh & C & D & F); [lia|].
    destruct (exchange s1 n j) as (s2 & A2 & B2 & Bl2 & Bh2 & C2 & D2 & F2);
      [eapply steps_reach; eauto|lia|auto|unfold member; now rewrite Bh|].
    exists s2; splits; try congruence.
    + eapply steps_trans; eauto.
    + intros k Hkj. rewrite F2 by auto. auto.
    + eapply vle_trans; eauto.
    + intros k Hk. destruct (Nat.eq_dec k n) as [->|Hkn]; [|eapply vle_trans; [apply F; lia|auto]].
      destruct (Nat.eq_dec n j) as [->|Hnj]; [eapply vle_trans; eauto|]. now rewrite <- (C n).
Qed.

Lemma gather_all (s : st) m : reach s -> m <= nM -> exists s', steps s s' /\ acc s' = acc s /\ lied s' =
  lied s /\ heir s' = heir s /\
  (forall k, k < nM -> vle (rts (rms s k)) (rts (rms s' k))) /\
  (forall j k, j < m -> member s j -> k < nR -> vle (rts (rms s k)) (rts (rms s' j))).
Proof.
  intros HR. induction m as [|m IH]; intros Hm.
  - exists s; splits; auto; try apply St_refl. intros; apply vle_refl. intros; lia.
  - destruct IH as (s1 & A & B & Bl & Bh & C & D); [lia|].
    destruct (Nat.eq_dec (heir s m) m) as [Mm|Mm].
    2:{ exists s1; splits; auto. intros j k Hj Hmj Hk. apply D; auto.
        destruct (Nat.eq_dec j m) as [->|]; [now elim Mm|lia]. }
    destruct (gather s1 m nR) as (s2 & A2 & B2 & Bl2 & Bh2 & C2 & D2 & F2);
      [eapply steps_reach; eauto|lia|unfold member; now rewrite Bh|lia|].
    exists s2; splits; try congruence.
    + eapply steps_trans; eauto.
    + intros k Hk. destruct (Nat.eq_dec k m) as [->|Hn].
      * eapply vle_trans; [apply C; auto|exact D2].
      * rewrite C2 by auto. auto.
    + intros j k Hj Hmj Hk. destruct (Nat.eq_dec j m) as [->|Hn].
      * eapply vle_trans; [apply (C k); auto|auto].
      * rewrite C2 by lia. apply D; auto; lia.
Qed.

(** Every member has received every record, and all value timestamps are equal; and if no front end ever
    lied, and nobody was replaced, then every record has run. (Else one may wait for what does not exist.) *)
Definition converged (s : st) : Prop := forall i, i < nM -> member s i ->
  (forall r, In r (acc s) -> received s i r) /\
  (forall j, j < nM -> member s j -> veq (vts (rms s i)) (vts (rms s j))) /\
  (lied s = false -> pend (rms s i) = [] /\ forall r, In r (acc s) -> In r (hist s i)).

Lemma all_held_converged (s : st) : reach s ->
  (forall i, i < nM -> member s i -> forall r, In r (acc s) -> r_seq r <= get (rts (rms s i)) (r_org r)) ->
    converged s.
Proof.
  intros HR H.
  assert (A : forall i, i < nM -> member s i -> forall r, In r (acc s) <-> received s i r).
  { intros i Hi Hm r. split; intros Hr; [apply (replica_ts_correct s HR); auto|].
    now apply (replica_ts_correct s HR) in Hr. }
  intros i Hi Hm. splits.
  - intros r. now apply A.
  - intros j Hj Hmj. apply same_received_same_value_ts; auto. intros r. now rewrite <- !A.
  - intros Hl. assert (Hp : pend (rms s i) = []) by (apply nothing_stuck; auto; intros r; now apply A).
    split; auto. intros r Hr. apply A with (i := i) in Hr as [?|Hr]; auto. now rewrite Hp in Hr.
Qed.

(** The heirs have it all. *)
Lemma heir_has (s : st) r : reach s -> In r (acc s) ->
  r_org r < nR /\ heir s (r_org r) < nR /\ member s (heir s (r_org r)) /\
  r_seq r <= get (rts (rms s (heir s (r_org r)))) (r_org r).
Proof.
  intros HR Hr. pose proof (reach_inv s HR) as I. destruct (I_wf _ I r Hr) as [[Ho _] Ht].
  pose proof (I_most _ I _ Ho). destruct (I_heir _ I _ (nR_nM _ Ho)) as (A & B & C). splits; auto; [|lia].
  destruct C as [->|]; auto.
Qed.

Theorem can_converge (s : st) : reach s -> exists s', steps s s' /\ acc s' = acc s /\ converged s'.
Proof.
  intros HR. destruct (gather_all s nM HR (le_n _)) as (s' & A & B & Bl & Bh & C & D).
  pose proof (steps_reach _ _ HR A) as HR'.
  exists s'; splits; auto. apply all_held_converged; auto.
  intros i Hi Hm r Hr. unfold member in Hm. rewrite B in Hr. rewrite Bh in Hm.
  destruct (heir_has s r HR Hr) as (Ho & Hh & Hmh & Hle). specialize (D i _ Hi Hm Hh _ Ho). lia.
Qed.

(** ** It does converge *)

Lemma step_rts (s s' : st) i : reach s -> step s s' -> i < nM -> member s i -> member s' i ->
  vle (rts (rms s i)) (rts (rms s' i)).
Proof.
  intros HR S Hi Hm Hm'. pose proof (reach_inv s HR) as I. destruct S; simpl; try apply vle_refl.
  - at_i i i0; [|apply vle_refl]. assert (E : rts a = rts (recv1 (rms s i0) (stamp (rms s i0) q))).
    { now rewrite (settles_rts _ _ _ H4). }
    rewrite E. intros j Hj. simpl. rewrite (me_i s i0 I Hi), get_vset by assumption.
    destruct (Nat.eqb_spec j i0) as [->|]; auto. unfold r_seq; simpl.
    rewrite (me_i s i0 I Hi), get_vset_eq by assumption. lia.
  - at_i i (g_dst g); [|apply vle_refl]. simpl. assert (E : rts a = v).
    { now rewrite (settles_rts _ _ _ H1). }
    rewrite E. eapply take_grows; [|exact H0]. intros r Hr. destruct (I_net _ I _ H) as (_ & _ & N & _).
    apply (I_wf _ I r (N r Hr)).
  - at_i i i0; apply vle_refl.
  - at_i i i0; apply vle_refl.
  - unfold member in Hm'. simpl in Hm'. destruct (new i) eqn:N.
    + now destruct (W_new _ _ _ _ H i N) as (_ & X & _).
    + rewrite Hm', Nat.eqb_refl. apply vle_refl.
  - at_i i i0; [exact H2|apply vle_refl].
Qed.

Section Fair.
(** An infinite run, from any state that can be reached, in which the members stay the same. *)
Variable run : nat -> st.
Hypothesis run_starts : reach (run 0).
Hypothesis run_goes : forall t, run (S t) = run t \/ step (run t) (run (S t)).
Hypothesis members_stay : forall t k, heir (run t) k = heir (run 0) k.

(** At [t] a message of [i] for [j] is made, and it arrives later, once at least. *)
Definition exchanges (i j t : nat) : Prop := exists t' asks relays v l' l a,
  let g := make_gossip (rms (run t) i) j (tget (rms (run t) i) j) asks relays in
  t <= t' /\ take (g_ts g) (rts (rms (run t') j)) (g_log g) = (v, l') /\
  settles (add_all (rms (run t') j) v l') l a /\ run (S t') = put (run t') j (learn a g) l.

(** Again and again, every member that takes updates gets a message through to every other one, or has
    nothing to say. *)
Definition fair : Prop := forall i j t0, i < nR -> j < nM -> i <> j -> member (run 0) i -> member (run 0) j ->
  exists t, t0 <= t /\ (vle (rts (rms (run t) i)) (tget (rms (run t) i) j) \/ exchanges i j t).

Lemma run_reach t : reach (run t).
Proof.
  induction t as [|t IH]; auto.
  destruct (run_goes t) as [->|H]; auto. eapply R_step; eauto.
Qed.

Lemma run_member t i : member (run 0) i -> member (run t) i.
Proof. unfold member. now rewrite (members_stay t). Qed.

Lemma run_rts i t t' : i < nM -> member (run 0) i -> t <= t' -> vle (rts (rms (run t) i)) (rts (rms (run t')
  i)).
Proof.
  intros Hi Hm. induction 1 as [|t' _ IH]; [apply vle_refl|]. eapply vle_trans; [exact IH|].
  destruct (run_goes t') as [->|H]; [apply vle_refl|]. apply step_rts; auto using run_member. apply run_reach.
Qed.

Lemma eventually_all (Q : nat -> nat -> Prop) n :
  (forall k, k < n -> exists t0, forall t, t0 <= t -> Q k t) ->
  exists t0, forall t, t0 <= t -> forall k, k < n -> Q k t.
Proof.
  induction n as [|n IH]; intros H; [exists 0; intros; lia|].
  destruct IH as [t1 H1]; [intros; apply H; lia|]. destruct (H n) as [t2 H2]; [lia|].
  exists (Nat.max t1 t2). intros t Ht k Hk. destruct (Nat.eq_dec k n) as [->|]; [apply H2|apply H1]; lia.
Qed.

(** What any member that takes updates holds of a record's origin, every other one holds in the end. *)
Lemma spreads i j t0 : fair -> i < nR -> j < nM -> member (run 0) i -> member (run 0) j ->
  exists t1, forall t, t1 <= t -> vle (rts (rms (run t0) i)) (rts (rms (run t) j)).
Proof.
  intros Hf Hi Hj Hmi Hmj. destruct (Nat.eq_dec i j) as [->|Hn].
  { exists t0. intros t Ht. now apply run_rts. }
  destruct (Hf i j t0 Hi Hj Hn Hmi Hmj) as (t & Ht & [Hk|He]).
  - exists t. intros t' Ht'. eapply vle_trans; [apply (run_rts i t0 t (nR_nM _ Hi) Hmi Ht)|].
    eapply vle_trans; [exact Hk|]. eapply vle_trans; [|apply (run_rts j t t' Hj Hmj Ht')].
    apply (I_tbl _ (reach_inv _ (run_reach t)) i j (nR_nM _ Hi) Hj). now apply run_member.
  - destruct He as (t' & asks & relays & v & l' & l & a & Ht' & Et & Es & Er).
    exists (S t'). intros t'' Ht''. eapply vle_trans; [|apply (run_rts j (S t') t'' Hj Hmj Ht'')].
    eapply vle_trans; [apply (run_rts i t0 t (nR_nM _ Hi) Hmi Ht)|].
    pose proof (delivers (run t) i j asks relays (rts (rms (run t') j)) (run_reach t) (nR_nM _ Hi) Hj
                  (run_member t j Hmj) (or_introl Hi) (run_rts j t t' Hj Hmj Ht')) as Z.
    cbv zeta in Z. rewrite Et in Z. simpl in Z. rewrite Er. simpl. rewrite upd_eq. simpl.
    now rewrite (settles_rts _ _ _ Es).
Qed.

(** If updates stop, then from some time on everyone has received everything. *)
Theorem converges t0 : fair -> (forall t, t0 <= t -> acc (run t) = acc (run t0)) ->
  exists t1, forall t, t1 <= t -> converged (run t).
Proof.
  intros Hf Hq.
  destruct (eventually_all (fun j t => member (run 0) j -> forall i, i < nR -> member (run 0) i ->
              vle (rts (rms (run t0) i)) (rts (rms (run t) j))) nM) as [t1 H1].
  { intros j Hj. destruct (Nat.eq_dec (heir (run 0) j) j) as [Mj|Mj]; [|exists 0; now intros].
    destruct (eventually_all (fun i t => member (run 0) i -> vle (rts (rms (run t0) i)) (rts (rms (run t)
      j))) nR)
      as [t1 H1]; [|exists t1; auto].
    intros i Hi. destruct (Nat.eq_dec (heir (run 0) i) i) as [Mi|Mi]; [|exists 0; now intros].
    destruct (spreads i j t0 Hf Hi Hj Mi Mj) as [t1 H1]. eauto. }
  exists (Nat.max t0 t1). intros t Ht. apply all_held_converged; auto; [apply run_reach|].
  intros i Hi Hm r Hr. rewrite (Hq t) in Hr by lia. unfold member in Hm. rewrite (members_stay t) in Hm.
  destruct (heir_has (run t0) r (run_reach t0) Hr) as (Ho & Hh & Hmh & Hle).
  unfold member in Hmh. rewrite !(members_stay t0) in *.
  specialize (H1 t ltac:(lia) i Hi Hm _ Hh Hmh _ Ho). lia.
Qed.
End Fair.
End Progress.
