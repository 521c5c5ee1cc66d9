(** Gossip brings every replica manager up to date: it can, from every reachable state; and it does, if it
    is fair and updates stop for long enough. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local System Invariant Preserve Replaced Reachable Converge Theorems Fragments.

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

(** Any number of steps in which nobody is replaced. *)
Inductive calm : st -> st -> Prop :=
| calm_refl s : calm s s
| calm_step s1 s2 s3 : step s1 s2 -> heir s2 = heir s1 -> calm s2 s3 -> calm s1 s3.

Lemma calm_reach (s s' : st) : calm s s' -> reach s -> reach s' /\ heir s' = heir s /\
  forall i, i < nM -> member s i -> vle (rts (rms s i)) (rts (rms s' i)).
Proof.
  induction 1 as [s|s1 s2 s3 St Hh _ IH]; intros R; [splits; auto; intros; apply vle_refl|].
  destruct IH as (A & B & D); [eapply R_step; eauto|]. splits; auto; [congruence|].
  intros i Hi Hm. assert (Hm2 : member s2 i) by (unfold member; now rewrite Hh).
  eapply vle_trans; [now apply step_rts with (s' := s2)|auto].
Qed.

Section Fair.
(** An infinite run, from any state that can be reached, in which nobody is replaced. *)
Variable run : nat -> st.
Hypothesis run_starts : reach (run 0).
Hypothesis run_goes : forall t, calm (run t) (run (S t)).

(** Between these two states, [j] hears [g]: it takes what it brings, and learns what it teaches. *)
Definition hears (j : nat) (s s' : st) (g : @gsp Op) : Prop :=
  vle (fst (take (g_ts g) (rts (rms s j)) (g_log g))) (rts (rms s' j)) /\
  (g_comp g = true -> vle (g_ts g) (rts (rms s' j)) -> vle (g_ts g) (tget (rms s' j) (g_src g))).

(** From [t] on, [j] hears these in this order, the last one just before [t']; between them, whatever else. *)
Inductive arrives (j : nat) : nat -> list (@gsp Op) -> nat -> Prop :=
| A_last t t1 g : t <= t1 -> hears j (run t1) (run (S t1)) g -> arrives j t [g] (S t1)
| A_next t t1 g gs t' : t <= t1 -> hears j (run t1) (run (S t1)) g -> arrives j (S t1) gs t' ->
    arrives j t (g :: gs) t'.

(** At [t] a message of [i] for [j] is made, and it arrives later, once at least, whole or in fragments. *)
Definition exchanges (i j t : nat) : Prop := exists asks relays sizes t',
  arrives j t (fragments sizes (make_gossip (rms (run t) i) j (tget (rms (run t) i) j) asks relays)) t'.

(** Again and again, every member that takes updates gets a message through to every other one, or has
    nothing to say. *)
Definition fair : Prop := forall i j t0, i < nR -> j < nM -> i <> j -> member (run 0) i -> member (run 0) j ->
  exists t, t0 <= t /\ (vle (rts (rms (run t) i)) (tget (rms (run t) i) j) \/ exchanges i j t).

Lemma run_reach t : reach (run t).
Proof. induction t as [|t IH]; auto. now apply (calm_reach _ _ (run_goes t)). Qed.

Lemma members_stay t : heir (run t) = heir (run 0).
Proof.
  induction t as [|t IH]; auto. rewrite <- IH. now apply (calm_reach _ _ (run_goes t) (run_reach t)).
Qed.

Lemma run_member t i : member (run 0) i -> member (run t) i.
Proof. unfold member. now rewrite (members_stay t). Qed.

Lemma run_rts i t t' : i < nM -> member (run 0) i -> t <= t' ->
  vle (rts (rms (run t) i)) (rts (rms (run t') i)).
Proof.
  intros Hi Hm. induction 1 as [|t' _ IH]; [apply vle_refl|]. eapply vle_trans; [exact IH|].
  apply (calm_reach _ _ (run_goes t') (run_reach t')); auto using run_member.
Qed.

Lemma arrives_heard j t gs t' : j < nM -> member (run 0) j -> arrives j t gs t' ->
  t <= t' /\ heard (rts (rms (run t) j)) gs (rts (rms (run t') j)).
Proof.
  intros Hj Hm. assert (W : forall v u gs w, vle v u -> heard u gs w -> heard v gs w).
  { intros v u gs0 w Hv H. inversion H; subst.
    - apply heard_last with (v1 := v1); auto. eapply vle_trans; eauto.
    - apply heard_next with (v1 := v1); auto. eapply vle_trans; eauto. }
  induction 1 as [t t1 g Ht [H _]|t t1 g gs t' Ht [H _] _ [IH1 IH2]]; (split; [lia|]).
  - apply heard_last with (v1 := rts (rms (run t1) j)); auto. now apply run_rts.
  - apply heard_next with (v1 := rts (rms (run t1) j)); [now apply run_rts|]. eapply W; eauto.
Qed.

(** And then it has brought all that the sender had. *)
Lemma exchange_brings i j t asks relays sizes t' : i < nM -> j < nM -> member (run 0) j -> minds i j ->
  arrives j t (fragments sizes (make_gossip (rms (run t) i) j (tget (rms (run t) i) j) asks relays)) t' ->
  t <= t' /\ vle (rts (rms (run t) i)) (rts (rms (run t') j)).
Proof.
  intros Hi Hj Hm Md Ha. destruct (arrives_heard j t _ t' Hj Hm Ha) as [A B]. split; auto.
  refine (fragments_deliver (run t) i j asks relays sizes _ _ (run_reach t) Hi Hj (run_member t j Hm) Md _ B).
  apply vle_refl.
Qed.

(** The last fragment teaches what the whole message would. *)
Lemma arrives_learns j sizes : forall g t t', g_comp g = true -> arrives j t (fragments sizes g) t' ->
  vle (g_ts g) (rts (rms (run t') j)) -> vle (g_ts g) (tget (rms (run t') j) (g_src g)).
Proof.
  induction sizes as [|n sizes IH]; simpl; intros g t t' Hc Ha Hv.
  - inversion Ha; subst; [|match goal with H : arrives _ _ [] _ |- _ => inversion H end].
    match goal with H : hears _ _ _ _ |- _ => now apply H end.
  - assert (X : exists t1, arrives j t1 (fragments sizes (mkgsp (g_src g) (g_dst g) (skipn n (g_log g)) (g_ts g)
                 (g_comp g) (g_asks g) (g_tbl g))) t').
    { inversion Ha; subst; [destruct sizes; discriminate|eauto]. }
    destruct X as (t1 & Ha'). refine (IH _ t1 t' _ Ha' _); auto.
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
  - destruct He as (asks & relays & sizes & t' & Ha).
    destruct (exchange_brings i j t asks relays sizes t' (nR_nM _ Hi) Hj Hmj (or_introl Hi) Ha) as [Ht' B].
    exists t'. intros t'' Ht''. eapply vle_trans; [|apply (run_rts j t' t'' Hj Hmj Ht'')].
    eapply vle_trans; [apply (run_rts i t0 t (nR_nM _ Hi) Hmi Ht)|exact B].
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
