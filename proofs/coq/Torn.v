(** A crash between two changes of one handler: the journal has a part of what the handler wrote. What starts from it
    is what a run of the system leads to: one in which the handler had got so far, and crashed. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Theorems Fragments
  Progress Simulation.

Section Torn.
Context {Op Val : Type} {P : Params Op Val}.
Notation st := (@st Op Val).
Notation mgr := (@mgr Op Val).
Notation work := (@work Op Val).
Variable C : cfg.
Hypothesis partners_are_members : forall j, In j (partners C) -> j < nM.

Lemma jrnl_waiting (w : work) : jrnl (answer_waiting w) = jrnl w.
Proof.
  unfold answer_waiting.
  assert (G : forall l w k, jrnl (fst (fold_left answer_one l (w, k))) = jrnl w).
  { clear. induction l as [|[c p] l IH]; simpl; intros w k; auto. unfold answer.
    destruct (on_query _ p) as [[v t]|]; rewrite IH; reflexivity. }
  specialize (G (waiting (now w)) w []). destruct (fold_left answer_one (waiting (now w)) (w, [])). exact G.
Qed.

Lemma jrnl_batch (w : work) : jrnl (send_full_batch C w) = jrnl w.
Proof.
  unfold send_full_batch. destruct (_ && _); auto.
  assert (G : forall l w, jrnl (fold_left (fun w j => gossip C j w) l w) = jrnl w).
  { induction l; simpl; intros x; auto. rewrite IHl. reflexivity. }
  now rewrite G.
Qed.

Lemma jrnl_collect (w : work) : exists d, jrnl (do_collect C w) = jrnl w ++ d /\ length d <= 1.
Proof.
  unfold do_collect. destruct (collects _ _) as [u|].
  - exists [CDiscard u]. unfold do_commit. destruct (commit _ _). auto.
  - exists []. rewrite app_nil_r. auto.
Qed.

(** A handler writes at most two changes; so a part of them is none, all, or what is written before it collects. *)
Lemma parts {A} n (a b : list A) : length a <= 1 -> length b <= 1 ->
  firstn n (a ++ b) = [] \/ firstn n (a ++ b) = a \/ firstn n (a ++ b) = a ++ b.
Proof.
  intros Ha Hb. destruct a as [|x [|]], b as [|y [|]]; simpl in *; try lia; destruct n as [|[|n]]; simpl; auto;
    rewrite ?firstn_nil; auto.
Qed.

Section One.
Variables (i : nat) (s0 : st) (m : mgr).
Hypothesis R0 : reach s0.
Hypothesis Hi : i < nM.
Hypothesis no_member_is_absent : forall k, In k (absent C) -> ~ member s0 k.
Hypothesis Hm : rms s0 i = core m.
Hypothesis Ha : asked s0 m.

(** From [s0], a run leads to [s], where [i] is what starts from this part of the journal, and nobody else has
    changed. *)
Definition starts_from (l : list change) : Prop := exists s, steps s0 s /\
  rms s i = core (on_start C (replay_journal (durable (core m)) l)) /\ forall k, k <> i -> rms s k = rms s0 k.

Lemma starts_after w s : Sim steps i s0 w s -> journalled (core m) w -> starts_from (jrnl w).
Proof.
  intros Z J. destruct (start_is_steps C i s Hi) as (s' & Y). exists s'. split; [|split].
  - eapply steps_trans; [apply Z|apply Y].
  - rewrite (Z_core _ _ _ _ _ Y), (Z_core _ _ _ _ _ Z), <- J. reflexivity.
  - intros k Hk. rewrite (Z_rest _ _ _ _ _ Y k Hk). now apply Z.
Qed.

Lemma starts_before : starts_from [].
Proof.
  apply (starts_after (start m) s0); [|reflexivity]. apply sim_start; auto. constructor.
Qed.

Lemma torn (before w : work) n : (exists s, Sim steps i s0 before s) -> journalled (core m) before ->
  (exists s, Sim steps i s0 w s) -> journalled (core m) w ->
  length (jrnl before) <= 1 -> jrnl w = jrnl (do_collect C before) -> starts_from (firstn n (jrnl w)).
Proof.
  intros [s1 Z1] J1 [s2 Z2] J2 L E. destruct (jrnl_collect before) as (d & D & Ld). rewrite E, D.
  destruct (parts n (jrnl before) d L Ld) as [->|[->| ->]].
  - apply starts_before.
  - exact (starts_after before s1 Z1 J1).
  - rewrite <- D, <- E. exact (starts_after w s2 Z2 J2).
Qed.

Lemma none w n : jrnl w = [] -> starts_from (firstn n (@jrnl Op Val w)).
Proof. intros ->. rewrite firstn_nil. apply starts_before. Qed.

Ltac by_acts H := apply by_steps with (i := i); eapply H;
  eauto using stays_as_it_is, acts_are_steps, as_it_is_reach.

Theorem update_torn q n : member s0 i -> In (MReq q) (net s0) -> starts_from (firstn n (jrnl (on_update C m q))).
Proof.
  intros Hmi Hq. pose proof (update_is_steps C partners_are_members i s0 R0 Hi no_member_is_absent
    m Hm Ha q Hmi Hq) as Z.
  pose proof (update_is_journalled C m q) as J. revert Z J. unfold on_update.
  destruct (known (core m) (q_cid q)) eqn:K.
  { intros _ _. apply none. destruct (if finished _ _ then _ else _); reflexivity. }
  destruct (updatable (me (core m))) eqn:U; simpl negb; cbn iota; [|intros _ _; now apply none].
  destruct (plausible (core m) q) eqn:Pl; simpl negb; cbn iota; [|intros _ _; now apply none].
  destruct (_ && _); [intros _ _; now apply none|]. intros Z J.
  change (reply (q_cid q) (Some (r_ts (stamp (core m) q))) (record C q (start m))) with (replied C m q) in *.
  assert (X : jrnl (replied C m q) = [CLog (count (core m) (stamp (core m) q)) [stamp (core m) q]]).
  { unfold replied, record, pull_for, do_commit. change (core_of (start m)) with (core m).
    destruct (commit _ _). destruct (first_beyond _ _); [destruct (_ && _)|]; reflexivity. }
  apply torn with (before := replied C m q); auto.
  - by_acts @record_is_acts.
  - unfold replied, record, pull_for. destruct (first_beyond _ _); [destruct (_ && _)|];
      now apply (j_commit _ _ (start m)).
  - rewrite X. simpl. lia.
  - change (jrnl (drop_needless_receipts C ?x)) with (jrnl x). rewrite jrnl_batch. apply jrnl_waiting.
Qed.

Theorem gossip_torn g n : In (MGsp g) (net s0) -> g_dst g = i -> starts_from (firstn n (jrnl (on_gossip C m g))).
Proof.
  intros Hg Hd. pose proof (gossip_is_steps C i s0 R0 Hi no_member_is_absent m Hm Ha g Hg Hd) as Z.
  pose proof (gossip_is_journalled C m g) as J.
  assert (X : exists s, Sim steps i s0 (merged m g) s) by (by_acts @merge_is_acts; exact I).
  revert Z J X. unfold on_gossip, merged. destruct (_ && _); [intros _ _ _; now apply none|].
  destruct (take _ _ _) as [v l]. set (w1 := with_ctl _ _ _ (start m)).
  set (w2 := match l with [] => w1 | _ => _ end). intros Z J X.
  apply torn with (before := with_core (learn (core_of w2) g) w2); auto.
  - change (journalled (core m) w2). unfold w2. destruct l; [reflexivity|]. now apply (j_commit _ _ w1).
  - change (length (jrnl w2) <= 1). unfold w2. destruct l; [simpl; lia|].
    unfold do_commit. destruct (commit _ _). simpl. lia.
  - change (jrnl (drop_needless_receipts C ?x)) with (jrnl x). apply jrnl_waiting.
Qed.

(** The other handlers write nothing. *)
Theorem others_write_nothing c prev j t :
  jrnl (on_query_message C m c prev) = [] /\ jrnl (on_pull C m j t) = [] /\ jrnl (on_gossip_timer C m j) = [].
Proof.
  splits.
  - unfold on_query_message, answer, pull_for. destruct (on_query _ _) as [[v u]|]; [reflexivity|].
    destruct (_ && _); [reflexivity|]. destruct (first_beyond _ _); [destruct (_ && _)|]; reflexivity.
  - unfold on_pull. destruct (vleb _ _ _); reflexivity.
  - unfold on_gossip_timer. destruct (has_reason _ _); reflexivity.
Qed.
End One.
End Torn.
