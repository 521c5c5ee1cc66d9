(** In the end, if updates stop and gossip is fair: every query is answered, everyone knows that everyone has
    everything, and the logs are empty. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Theorems Fragments
  Progress Rest.

Section FairEnd.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation urec := (@urec Op).
Notation st := (@st Op Val).
Notation mgr := (@mgr Op Val).

(** While no front end lies, and nobody is replaced, no record goes. *)
Lemma calm_acc (s s' : st) : calm s s' -> lied s' = false -> lied s = false /\ incl (acc s) (acc s').
Proof.
  induction 1 as [s|s1 s2 s3 H _ _ IH]; intros L; [split; auto using incl_refl|]. destruct (IH L) as [L2 A].
  assert (X : lied s1 = false /\ incl (acc s1) (acc s2)).
  { destruct H; simpl in *; try (split; [assumption|apply incl_refl]).
    - split; [|apply incl_refl]. now destruct (lied s).
    - split; [|apply incl_refl]. destruct (lied s); auto.
    - split; [exact L2|apply incl_tl, incl_refl].
    - discriminate. }
  destruct X as [L1 A1]. split; auto. eapply incl_tran; eauto.
Qed.

(** Who has received all has received what any other one has. *)
Lemma all_equal (s s' : st) i j : reach s -> reach s' -> acc s = acc s' -> i < nM -> j < nM ->
  (forall r, In r (acc s') -> received s' j r) -> vle (rts (rms s i)) (rts (rms s' j)).
Proof.
  intros R R' E Hi Hj H c Hc. pose proof (reach_inv s R) as I.
  destruct (Nat.eq_dec (get (rts (rms s i)) c) 0) as [Z|Z]; [lia|].
  destruct (I_cnt _ I c _ Hc (proj1 (Nat.neq_0_lt_0 _) Z) (I_rts _ I i Hi c Hc)) as (r & Hr & Ho & Hs).
  rewrite E in Hr. specialize (H r Hr). apply (replica_ts_correct s' R') in H as [_ H]; auto. rewrite Ho in
    H. lia.
Qed.

Section Run.
Variable run : nat -> st.
Hypothesis run_starts : reach (run 0).
Hypothesis run_goes : forall t, calm (run t) (run (S t)).
Variable t0 : nat.
Hypothesis gossip_fair : fair run.
Hypothesis updates_stop : forall t, t0 <= t -> acc (run t) = acc (run t0).

Notation reaches := (run_reach run run_starts run_goes).

Lemma run_acc t t' : (forall u, lied (run u) = false) -> t <= t' -> incl (acc (run t)) (acc (run t')).
Proof.
  intros L. induction 1 as [|t' _ IH]; [apply incl_refl|]. eapply incl_tran; [exact IH|].
  now apply (calm_acc _ _ (run_goes t')).
Qed.

(** From some time on, every query that a front end asks at any time, with what it has seen then, can be answered
    by every member; so no manager that keeps to the handlers has one waiting. *)
Theorem queries_are_answered : (forall u, lied (run u) = false) ->
  exists t1, forall u i, t1 <= u -> i < nM -> member (run u) i -> forall t f, let prev := fts (fes (run t) f) in
    on_query (rms (run u) i) prev = Some (val (rms (run u) i), vts (rms (run u) i)) /\
    forall m c, rms (run u) i = core m -> patient m -> ~ In (c, prev) (waiting m).
Proof.
  intros L. destruct (converges run run_starts run_goes t0 gossip_fair updates_stop) as [t1 H1].
  exists (Nat.max t0 t1). intros u i Hu Hi Hm t f prev. destruct (H1 u ltac:(lia) i Hi Hm) as (_ & _ & Hl).
  destruct (Hl (L u)) as [_ Hall].
  assert (A : on_query (rms (run u) i) prev = Some (val (rms (run u) i), vts (rms (run u) i))).
  { unfold on_query. replace (vleb nR prev (vts (rms (run u) i))) with true; auto. symmetry. apply vleb_spec.
    intros c Hc. destruct (proj2 (proj2 (I_fe _ (reach_inv _ (reaches t)) f) (L t)) c Hc) as [E|(r & Hr & _ &
      E)].
    - fold prev in E. lia.
    - fold prev in E. rewrite <- E. apply (L_hv _ _ _ _ (loc _ (reaches u) i Hi)); auto. apply Hall.
      destruct (Nat.le_ge_cases t u) as [Htu|Htu]; [revert Hr; now apply run_acc|].
      rewrite updates_stop in * by lia. exact Hr. }
  split; auto. intros m c Em Pm Hc. specialize (Pm c prev Hc). rewrite <- Em in Pm. congruence.
Qed.

(** Again and again, of whom anyone keeps records for, he knows that they have what they have, or a message of
    theirs gets through to him: what receipts are for. *)
Definition told : Prop := forall i j u, i < nM -> j < nM -> i <> j -> minds i j ->
  member (run 0) i -> member (run 0) j ->
  exists t, u <= t /\ (vle (rts (rms (run t) j)) (tget (rms (run t) i) j) \/ exchanges run j i t).
(** Nobody crashes any more. *)
Definition remember : Prop := forall t i j, t0 <= t -> i < nM -> j < nM -> vle (tget (rms (run t) i) j) (tget
  (rms (run (S t)) i)
  j).

Lemma remembered t t' i j : remember -> i < nM -> j < nM -> t0 <= t -> t <= t' -> vle (tget (rms (run t) i)
  j) (tget (rms (run
  t') i) j).
Proof.
  intros H Hi Hj H0. induction 1 as [|t' Ht IH]; [apply vle_refl|]. eapply vle_trans; [exact IH|]. apply H;
    auto. lia.
Qed.

Lemma minds_sym i j : minds i j -> minds j i.
Proof. unfold minds. tauto. Qed.

(** When all have received everything, all have received the same, then and later. *)
Lemma all_same tc t t' i j : (forall t, tc <= t -> converged (run t)) -> t0 <= t -> t0 <= t' -> tc <= t' -> i
  < nM ->
  j < nM -> member (run 0) j -> vle (rts (rms (run t) i)) (rts (rms (run t') j)).
Proof.
  intros Hc H H0 H' Hi Hj Hm. apply (all_equal (run t) (run t')); auto; try apply reaches.
  - now rewrite (updates_stop t), (updates_stop t').
  - apply (Hc t' H' j Hj). now apply run_member.
Qed.

Theorem all_know : told -> remember -> exists t1, forall u i j, t1 <= u -> i < nM -> j < nM -> i <> j ->
  minds i j ->
  member (run 0) i -> member (run 0) j -> vle (rts (rms (run u) i)) (tget (rms (run u) i) j).
Proof.
  intros Ht Hr. destruct (converges run run_starts run_goes t0 gossip_fair updates_stop) as [tc
    Hc].
  set (t1 := Nat.max t0 tc).
  assert (Eq : forall t t' i j, t1 <= t -> t1 <= t' -> i < nM -> j < nM -> member (run 0) j ->
            vle (rts (rms (run t) i)) (rts (rms (run t') j))).
  { intros. apply all_same with (tc := tc); auto; unfold t1 in *; lia. }
  destruct (eventually_all (fun i t => forall j, j < nM -> i <> j -> minds i j -> member (run 0) i -> member
    (run 0) j ->
              vle (rts (rms (run t) i)) (tget (rms (run t) i) j)) nM) as [t2 H2].
  2:{ exists t2. intros u i j Hu Hi. now apply H2. }
  intros i Hi. destruct (Nat.eq_dec (heir (run 0) i) i) as [Mi|Mi]; [|exists 0; now intros].
  destruct (eventually_all (fun j t => i <> j -> minds i j -> member (run 0) j ->
              vle (rts (rms (run t) i)) (tget (rms (run t) i) j)) nM) as [t2 H2].
  2:{ exists t2. intros u Hu j Hj Hn Hm _ Mj. now apply H2. }
  intros j Hj. destruct (Nat.eq_dec i j) as [Hn|Hn]; [exists 0; now intros|].
  destruct (Nat.eq_dec (heir (run 0) j) j) as [Mj|Mj]; [|exists 0; now intros].
  assert (Md : minds i j \/ ~ minds i j) by (unfold minds; lia).
  destruct Md as [Md|Md]; [|exists 0; now intros].
  destruct (Ht i j t1 Hi Hj Hn Md Mi Mj) as (t & Hle & [Hk|He]).
  - exists t. intros u Hu _ _ _. eapply vle_trans; [apply (Eq u t i j); auto; lia|].
    eapply vle_trans; [exact Hk|]. apply remembered; auto; unfold t1 in *; lia.
  - destruct He as (asks & relays & sizes & t' & Ha).
    destruct (exchange_brings run run_starts run_goes j i t asks relays sizes t' Hj Hi Mi
                (minds_sym _ _ Md) Ha) as [Ht' D].
    exists t'. intros u Hu _ _ _. eapply vle_trans; [apply (Eq u t i j); auto; lia|].
    eapply vle_trans; [|apply (remembered t'); auto; unfold t1 in *; lia].
    pose proof (fun H1 => arrives_learns run i sizes _ t t' H1 Ha) as X. cbn [g_comp g_src g_ts
      make_gossip] in X.
    rewrite (me_i _ j (reach_inv _ (reaches t)) Hj) in X. now apply X.
Qed.

(** So then, of managers that keep to the handlers, the logs are empty, if no front end lied; and they say
    nothing of their own accord ([silent_timer], [silent_gossip]). *)
Theorem comes_to_rest : told -> remember -> (forall k, k < nM -> member (run 0) k) ->
  exists t1, forall u i C m, t1 <= u -> i < nM -> rms (run u) i = core m -> thrifty C m ->
    knows_all m /\ (lied (run u) = false -> pend (core m) ++ done (core m) = []).
Proof.
  intros Ht Hr Hall. destruct (all_know Ht Hr) as [t1 H1].
  destruct (converges run run_starts run_goes t0 gossip_fair updates_stop) as [t2 H2].
  exists (Nat.max t1 t2). intros u i C m Hu Hi Em Tm.
  assert (K : knows_all m).
  { intros j Hj. apply is_needed in Hj as (A & B & D). rewrite <- Em in *.
    pose proof (me_i _ i (reach_inv _ (reaches u)) Hi) as M. unfold keeps, updatable in D. rewrite M in B, D.
    apply H1; auto; [lia|]. apply orb_true_iff in D as [D|D]; apply Nat.ltb_lt in D; [now left|now right]. }
  split; auto. intros L. destruct (log_is_least C (run u) i m (reaches u) Hi Em Tm K) as [_ D].
  destruct (H2 u ltac:(lia) i Hi) as (_ & _ & X); [now apply run_member, Hall|].
  destruct (X L) as [E _]. rewrite <- Em in *. now rewrite E, (D E).
Qed.
End Run.
End FairEnd.
