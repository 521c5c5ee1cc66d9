(** What the handlers do to what is known of others, and to what is owed to them. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Theorems
  Progress Simulation Rest FairEnd.

Section Effects.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation rm := (@rm Op Val).
Notation st := (@st Op Val).
Notation mgr := (@mgr Op Val).
Notation work := (@work Op Val).
Notation gsp := (@gsp Op).

Lemma drain_keeps n : forall (s : rm), rts (fst (drain n s)) = rts s /\ tbl (fst (drain n s)) = tbl s.
Proof.
  induction n as [|n IH]; simpl; intros s; auto. destruct (pick _ _ _) as [[r p]|]; auto.
  specialize (IH (exec1 s r p)). destruct (drain n (exec1 s r p)). exact IH.
Qed.

Lemma commit_log (s : rm) v l : rts (fst (commit s (CLog v l))) = v /\ tbl (fst (commit s (CLog v l))) = tbl s.
Proof. simpl. unfold settle. now destruct (drain_keeps (length (pend (add_all s v l))) (add_all s v l)) as
  [-> ->]. Qed.

Lemma commit_keeps c (w : work) : core_of (do_commit c w) = fst (commit (core_of w) c) /\
  owed (now (do_commit c w)) = owed (now w).
Proof. unfold do_commit. destruct (commit (core_of w) c) eqn:E. split; auto. Qed.

Variable C : cfg.

Lemma collect_keeps (w : work) : rts (core_of (do_collect C w)) = rts (core_of w) /\
  tbl (core_of (do_collect C w)) = tbl (core_of w) /\ me (core_of (do_collect C w)) = me (core_of w).
Proof. unfold do_collect. destruct (collects _ (core_of w)); auto. Qed.

Lemma take_nil claimed (l : list (@urec Op)) : forall v v', take claimed v l = (v', []) -> v' = v.
Proof.
  induction l as [|r l IH]; simpl; intros v v' H; [now inversion H|].
  destruct (_ && _); [|auto]. destruct (take _ _ l); discriminate.
Qed.

(** It finds that it has lost state. (It has not, in the system; but it looks.) *)
Definition lost (m : mgr) (g : gsp) : bool :=
  updatable (me (core m)) && (get (rts (core m)) (me (core m)) <? get (g_ts g) (me (core m))).
Definition overtaken (m : mgr) (g : gsp) : bool :=
  vleb nR (g_ts g) (tget (core m) (g_src g)) && negb (vleb nR (tget (core m) (g_src g)) (g_ts g)).

Lemma gossip_does m g : lost m g = false -> let w := on_gossip C m g in
  rts (core (now w)) = fst (take (g_ts g) (rts (core m)) (g_log g)) /\
  (exists a, tbl a = tbl (core m) /\ rts a = rts (core (now w)) /\ tbl (core (now w)) = tbl (learn a g)) /\
  forall i, i < nM -> is_owed (now w) i =
    (if i =? g_src g then is_owed m (g_src g) || (g_asks g && negb (overtaken m g)) else is_owed m i)
    && ((i =? me (core (now w))) || negb (own_reason C (core (now w)) i)).
Proof.
  intros L w. unfold w, on_gossip. fold (lost m g). rewrite L. fold (overtaken m g).
  set (owes := is_owed m (g_src g) || _). destruct (take (g_ts g) (rts (core m)) (g_log g)) as [v l] eqn:E.
  set (w1 := with_ctl _ _ _ (start m)). set (w2 := match l with [] => w1 | _ => _ end).
  assert (X : rts (core_of w2) = v /\ tbl (core_of w2) = tbl (core m) /\ owed (now w2) = set_owed (g_src g)
    owes (owed m)).
  { unfold w2. destruct l as [|r l].
    - apply take_nil in E. subst v. splits; reflexivity.
    - destruct (commit_keeps (CLog v (r :: l)) w1) as [Ec Eo]. rewrite Ec, Eo.
      change (core_of w1) with (core m). destruct (commit_log (core m) v (r :: l)) as [-> ->]. splits;
        reflexivity. }
  destruct X as (X1 & X2 & X3). set (w3 := with_core (learn (core_of w2) g) w2).
  destruct (collect_keeps w3) as (Y1 & Y2 & Y3). destruct (collect_ok C w3) as (_ & _ & Y4 & _).
  destruct (answer_waiting_ok (do_collect C w3)) as (Z1 & Z2 & _).
  set (w4 := answer_waiting (do_collect C w3)) in *.
  change (core (now (drop_needless_receipts C w4))) with (core_of w4). rewrite Z1.
  assert (R : rts (core_of (do_collect C w3)) = v) by (rewrite Y1; exact X1).
  splits.
  - rewrite R. reflexivity.
  - exists (core_of w2). rewrite R. splits; auto.
  - intros i Hi. unfold is_owed at 1, drop_needless_receipts. cbn [owed now with_ctl]. rewrite nth_map_seq by
      assumption.
    rewrite Z1, Z2, Y4. change (owed (now w3)) with (owed (now w2)). rewrite X3, owed_set by assumption.
    unfold is_owed. reflexivity.
Qed.

Lemma lost_does m g : lost m g = true -> now (on_gossip C m g) = m.
Proof. intros L. unfold on_gossip. fold (lost m g). now rewrite L. Qed.

(** Updates that are not recorded change nothing; one that is is counted. *)
Lemma update_does m q : me (core m) < nR \/ updatable (me (core m)) = false -> let w := on_update C m q in
  now w = m \/ (tbl (core (now w)) = tbl (core m) /\
    get (rts (core (now w))) (me (core m)) = S (get (rts (core m)) (me (core m)))).
Proof.
  intros Hme w. unfold w, on_update. destruct (known _ _).
  { left. destruct (if finished _ _ then _ else _); reflexivity. }
  destruct (updatable (me (core m))) eqn:U; simpl; [|now left].
  destruct Hme as [Hme|Hme]; [|discriminate].
  destruct (plausible _ _); simpl; [|now left]. destruct (_ && _); [now left|right].
  set (r := stamp (core m) q). set (w1 := record C q (start m)).
  assert (X : rts (core_of w1) = count (core m) r /\ tbl (core_of w1) = tbl (core m)).
  { unfold w1, record. fold r. set (w0 := do_commit _ _).
    assert (Pf : forall p x, core_of (pull_for C p x) = core_of x).
    { intros p x. unfold pull_for. destruct (first_beyond _ _); [destruct (_ && _)|]; reflexivity. }
    rewrite Pf. change (core_of (with_ctl (waiting (now w0)) (owed (now w0)) (unsent (now w0) + (if 0 <?
      batch C then 1 else 0)) w0))
      with (core_of w0). unfold w0. rewrite (proj1 (commit_keeps _ _)). change (core_of (start m)) with (core
        m). apply commit_log. }
  destruct X as (X1 & X2). set (w2 := reply (q_cid q) (Some (r_ts r)) w1).
  destruct (collect_keeps w2) as (Y1 & Y2 & _). destruct (answer_waiting_ok (do_collect C w2)) as (Z1 & _).
  destruct (batch_same C (answer_waiting (do_collect C w2))) as (B1 & _).
  match goal with |- tbl (core (now ?x)) = _ /\ _ => change (core (now x)) with (core_of (send_full_batch C
    (answer_waiting (do_collect C w2)))) end.
  rewrite B1, Z1, Y1, Y2. change (core_of w2) with (core_of w1). rewrite X1, X2. split; auto.
  unfold count. rewrite get_vset_eq by assumption. unfold r, r_seq, stamp. simpl. now rewrite get_vset_eq.
Qed.

Lemma query_does m c prev : core (now (on_query_message C m c prev)) = core m /\
  owed (now (on_query_message C m c prev)) = owed m.
Proof.
  unfold on_query_message, answer. destruct (on_query (core_of (start m)) prev) as [[v t]|]; [now split|].
  destruct (_ && _); [now split|]. unfold pull_for. destruct (first_beyond _ _); [destruct (_ && _)|]; now
    split.
Qed.

Lemma pull_does m j t : now (on_pull C m j t) = m.
Proof. unfold on_pull. destruct (vleb _ _ _); [reflexivity|]. now destruct m. Qed.

Lemma timer_does m j : core (now (on_gossip_timer C m j)) = core m /\
  forall i, i < nM -> i <> j -> is_owed (now (on_gossip_timer C m j)) i = is_owed m i.
Proof.
  unfold on_gossip_timer. destruct (has_reason C m j); [|now split]. split; auto. intros i Hi Hn.
  unfold is_owed. simpl. rewrite owed_set by assumption. apply Nat.eqb_neq in Hn. now rewrite Hn.
Qed.
End Effects.
