(** More than [Claim] says. To trust it, read this file, [System] (what a run is), and what the statements use
    besides (check.sh sees that none is missing), each with what it uses in its turn: Vec [get] [vle] [veq];
    Core [Params] [nM] [urec] [r_seq] [rm0] [known] [replay]; Local [ordered]; Theorems [law]; Simulation [asked]
    [Sim]; Progress [calm] [fair] [converged]; FairEnd [told] [remember]; Rest [rests] [answers] [knows_all]
    [apt]; Replacement [stage] [stays] [fits] [leads_to] [may_copy]; Deployed [event] [undisturbed]; Handlers
    [cfg] [mgr] [start] [is_owed]. The proofs need no trust: Coq checks them. Nor do the functions that the claim
    is about (Handlers [on_update] [on_query_message] [on_gossip] [on_pull] [on_gossip_timer] [on_start]); but
    see the README for how they are tied to src/protocol.

    Vocabulary. [nR] replica managers take updates, [nX] more are read-only, [nM] is their sum; all three
    are any number, and count places: also those of managers that are replaced, and of those who come then.
    [vle nR u v] is [u <= v] in each of the [nR] entries, [veq] is equality in each.
    In a state [s] of the system:

    - [rms s i] is replica manager [i]: [rts] replica timestamp, [vts] value timestamp, [pend] and [done]
      the log (waiting, executed), [exec] executed table, [fin] watermarks, [gone] discarded, [val] value.
    - [acc s] are all records that were ever made, by anyone; without those that were lost when their managers were.
    - [hist s i] is what [i] executed, in order. It is kept for the statement only; no function reads it.
    - [net s] is every message that was ever sent. Any of them may arrive at any time, again, or never.
    - [gdep s c] are the records of which the client knew when it submitted [c]: those of its own updates
      that were replied to, all that its answers reflected, and what other clients told it of. This
      mentions no timestamp.
    - [lied s] says whether a front end ever sent a past that it had not seen, or anyone was replaced.
    - [member s i] says that place [i] is taken by a manager that is one of the cluster. All are until somebody
      is replaced; the places of newcomers are empty before. *)
From Coq Require Import List Arith.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Theorems Fragments
  Progress Replacement Simulation Rest FairEnd Effects Deployed.

Section Statement.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation veq := (veq nR).
Notation urec := (@urec Op).
Notation st := (@st Op Val).
Notation mgr := (@mgr Op Val).

(** What holds of replica manager [i], in whatever state and whatever the front ends claim. *)
Record Correct (s : st) (i : nat) : Prop := {
  (** The value is the result of the history; of each update, [apply] ran once, on the first of its
      records that came, and [also] for each further one. ([replay] says just this.) *)
  value_is_history : val (rms s i) = replay [] v0 (hist s i);
  (** No record is executed twice, and only what was made is executed. *)
  history_is_real : NoDup (hist s i) /\ incl (hist s i) (acc s);
  (** Causal order, by timestamps: what a record builds on has run before it. *)
  causal : forall l1 u l2 d, hist s i = l1 ++ u :: l2 -> In d (acc s) -> vle (r_ts d) (r_prev u) -> In d l1;
  (** Causal order, by what clients saw. *)
  session : forall l1 u l2 d, hist s i = l1 ++ u :: l2 -> In d (gdep s (r_cid u)) -> In d l1;
  (** The value timestamp says exactly what the value reflects, the replica timestamp what was received. *)
  value_ts_exact : forall r, In r (hist s i) <-> (In r (acc s) /\ vle (r_ts r) (vts (rms s i)));
  replica_ts_exact : forall r, received s i r <-> (In r (acc s) /\ r_seq r <= get (rts (rms s i)) (r_org r));
  value_within : vle (vts (rms s i)) (rts (rms s i));
  (** Log collection: what has left the log has reached all that may need it from here. *)
  log_safe : forall r j, received s i r -> ~ In r (pend (rms s i) ++ done (rms s i)) ->
    j < nM -> member s j -> minds i j -> received s j r;
  (** Executed-table collection: what was forgotten has run here in all its records, and is refused by
      everyone who could make another. *)
  table_safe : forall c, In c (map r_cid (hist s i)) -> ~ In c (map fst (exec (rms s i))) ->
    (forall k, k < nR -> member s k -> known (rms s k) c = true) /\
    (forall r, In r (acc s) -> r_cid r = c -> In r (hist s i)) }.

(** What holds of what clients are told. *)
Record Answered (s : st) : Prop := {
  (** A reply to an update: it is recorded, and the timestamp covers it. *)
  reply_true : forall c t d, In (MRep c t d) (net s) ->
    exists r, In r (acc s) /\ r_cid r = c /\ vle (r_ts r) t;
  (** An answer is the value of a history [h] in causal order, which holds all that the client had seen
      when it asked ([d]), and exactly what the answer's timestamp covers. *)
  answer_true : forall c v t d h, In (MQrep c v t d h) (net s) ->
    incl d h /\ v = replay [] v0 h /\ NoDup h /\ ordered (acc s) h /\
    (forall r, In r h <-> In r (acc s) /\ vle (r_ts r) t) }.

(** Replica managers with equal value timestamps have equal values, for every lawful service. *)
Definition Convergent (s : st) : Prop := forall i j, i < nM -> j < nM ->
  veq (vts (rms s i)) (vts (rms s j)) -> law s -> val (rms s i) = val (rms s j).

Theorem safety (s : st) : reach s -> (forall i, i < nM -> Correct s i) /\ Answered s /\ Convergent s.
Proof.
  intros R. split; [intros i Hi; pose proof (loc s R i Hi) as L|split].
  - constructor; [apply L|split; [eapply nodup_app_l; apply L|intros r Hr; now apply (hist_acc s R i)]|
      intros l1 u l2 d; exact (causal_order s R i l1 u l2 d Hi)|
      intros l1 u l2 d; exact (session_causal_order s R i l1 u l2 d Hi)|
      exact (fun r => value_is_downset s R i r Hi)|exact (fun r => replica_ts_correct s R i r Hi)|
      exact (value_le_replica s R i Hi)|exact (fun r j H H0 => gc_safe s R i r Hi H H0 j)|
      exact (fun c => egc_safe s R i c Hi)].
  - constructor; intros; [eapply replied_is_recorded|eapply query_consistency]; eauto.
  - intros i j Hi Hj. now apply convergence_by_law.
Qed.

(** Every handler call is a run of the system: [safety] holds of what it changes, its messages are in [net] ([Sim]). *)
Theorem handlers (C : cfg) (s : st) (i : nat) (m : mgr) :
  (forall j, In j (partners C) -> j < nM) -> (forall j, In j (absent C) -> ~ member s j) ->
  reach s -> i < nM -> member s i -> rms s i = core m -> asked s m ->
  (forall q, In (MReq q) (net s) -> exists s', Sim steps i s (on_update C m q) s') /\
  (forall c prev d, In (MQry c prev d) (net s) -> exists s', Sim steps i s (on_query_message C m c prev) s') /\
  (forall g, In (MGsp g) (net s) -> g_dst g = i -> exists s', Sim steps i s (on_gossip C m g) s') /\
  (forall j t, j < nM -> exists s', Sim steps i s (on_pull C m j t) s') /\
  (forall j, j < nM -> exists s', Sim steps i s (on_gossip_timer C m j) s') /\
  exists s', Sim steps i s (start (on_start C (rms s i))) s'.
Proof.
  intros HC HA R Hi Hmi Hm Ha. repeat split; intros; [now apply update_is_steps|now apply query_is_steps with (d := d)|
    now apply gossip_is_steps|now apply pull_is_steps|now apply timer_is_steps|now apply start_is_steps].
Qed.

(** Replacement. Some members are lost for good, and others come: [replaces] says when. What the members
    that stay ([survivor]) hold is kept, as are their values and histories; a newcomer begins with those of
    one of them; what is lost is only what none of them held. [safety] holds of the state that results, as of
    every other one. *)
Theorem replacement (s : st) src new late : reach s -> replaces s src new late ->
  let s' := replaced s src new late in
  reach s' /\
  (forall r, In r (acc s') <-> In r (acc s) /\ exists i, survivor s src i /\ received s i r) /\
  (forall i, i < nM -> survivor s src (src i) /\ hist s' i = hist s (src i) /\
     val (rms s' i) = val (rms s (src i)) /\ forall r, received s' i r <-> received s (src i) r) /\
  (forall i, survivor s src i -> member s' i /\ hist s' i = hist s i /\ rms s' i = rms s i).
Proof.
  intros R W s'. destruct (replacement_loses_only s R src new late W) as (A & B & C).
  split; [eapply R_step; [exact R|]; now apply S_replace|]. split; [exact A|]. split; [|exact C].
  intros i Hi. split; [now apply (W_src _ _ _ _ W)|now apply B].
Qed.

(** How it comes about. Members that stay record it in their own time, and go by the rules of [Replacement]
    meanwhile; the others act on. All that happens until the last one has recorded it is a run of the system
    ([goes_steps]), and then [replaces] holds, with just what the members have then and have said since. *)
Theorem recording lost new (s0 : st) (S : stage) (from : nat -> nat) :
  reach s0 -> fits lost new s0 -> leads_to lost new s0 S -> may_copy lost S ->
  (exists d, stays lost (sys S) d) -> (forall k, new k = true -> stays lost (sys S) (from k)) ->
  reach (sys S) /\ exists src,
    (forall i, stays lost (sys S) i -> src i = i) /\ (forall k, new k = true -> src k = from k) /\
    replaces (sys S) src new (said S).
Proof.
  intros R T H M (d & Hd) Hf. destruct (takes_effect lost new s0 S from d R T H M Hd Hf) as (A & B).
  split; [exact A|]. exists (heirs lost new S from d). split; [|split; [|exact B]].
  - intros i Hi. now apply heirs_stay.
  - intros k Hk. apply heirs_new; auto. destruct (leads_to_GI _ _ _ _ R T H) as [_ [T1 _ _ _]]. now apply T1.
Qed.

(** Liveness. In an infinite run, from any state that can be reached, in which nobody is replaced and gossip
    is fair ([fair]: again and again, every member who takes updates gets a message through to every other
    one, or has nothing to say), and no record is made after [t0], there is a time from which on every member
    has received every record and all value timestamps are equal; and if until then no front end ever lied, and
    nobody was replaced, every member has executed every record ([converged]). *)
Theorem liveness (run : nat -> st) (t0 : nat) :
  reach (run 0) -> (forall t, calm (run t) (run (S t))) -> fair run ->
  (forall t, t0 <= t -> acc (run t) = acc (run t0)) ->
  exists t1, forall t, t1 <= t -> converged (run t).
Proof. intros. now apply converges with (t0 := t0). Qed.

(** After every handler, no query waits that can be answered, and nothing stays in the log that may be discarded
    ([rests]); and every query that waited before waits still, or is answered. *)
Theorem handlers_rest (C : cfg) (m : mgr) : rests C m ->
  (forall q, rests C (now (on_update C m q)) /\ answers m (on_update C m q)) /\
  (forall g, rests C (now (on_gossip C m g)) /\ answers m (on_gossip C m g)) /\
  (forall c prev, rests C (now (on_query_message C m c prev))) /\
  (forall j t, rests C (now (on_pull C m j t))) /\
  (forall j, rests C (now (on_gossip_timer C m j))) /\
  rests C (on_start C (core m)) /\ forall i, rests C (on_start C (rm0 i)).
Proof.
  intros R. exact (conj (fun q => update_rests C m q R) (conj (fun g => gossip_rests C m g R)
    (conj (fun c prev => query_rests C m c prev R) (conj (fun j t => pull_rests C m j t R)
    (conj (fun j => timer_rests C m j R) (conj (start_rests C (core m) (proj2 R)) (first_rests C))))))).
Qed.

(** In the end. If moreover nobody was replaced, nobody crashes any more, and of each manager that others keep
    records for, a message gets through to them again and again until they know that it has what it has ([told]:
    what receipts are for), then from some time on everyone knows that all have everything; so no timer makes
    anyone say anything, unless he owes a receipt; and if no front end ever lied, every log is empty, and no query
    waits whose front end had seen what it claims. *)
Theorem in_the_end (run : nat -> st) (t0 : nat) :
  reach (run 0) -> (forall t, calm (run t) (run (S t))) -> fair run ->
  (forall t, t0 <= t -> acc (run t) = acc (run t0)) ->
  told run -> remember run t0 -> (forall k, k < nM -> member (run 0) k) ->
  (exists t1, forall t i C (m : mgr), t1 <= t -> i < nM -> rms (run t) i = core m -> rests C m ->
     knows_all m /\
     (lied (run t) = false -> pend (core m) ++ done (core m) = []) /\
     forall j, apt C m -> j < nM -> j <> i -> is_owed m j = false -> on_gossip_timer C m j = start m) /\
  ((forall t, lied (run t) = false) -> exists t1, forall t i C (m : mgr), t1 <= t -> i < nM ->
     rms (run t) i = core m -> rests C m -> forall u f c, ~ In (c, fts (fes (run u) f)) (waiting m)).
Proof.
  intros R0 G Hf Hq Ht Hr Ha. split.
  - destruct (comes_to_rest run R0 G t0 Hf Hq Ht Hr Ha) as [t1 H1]. exists t1. intros t i C m Hle Hi Em [_ Tm].
    destruct (H1 t i C m Hle Hi Em Tm) as [K L]. split; [exact K|split; [exact L|]]. intros j A Hj Hn Ho.
    apply silent_timer; auto. rewrite <- Em. now rewrite (me_i _ i (reach_inv _ (run_reach run R0 G t)) Hi).
  - intros L. destruct (queries_are_answered run R0 G t0 Hf Hq L) as [t1 H1]. exists t1.
    intros t i C m Hle Hi Em [Pm _] u f c. apply (H1 t i Hle Hi); auto. now apply run_member, Ha.
Qed.

(** The same of runs of the handlers, if all that [undisturbed] says holds: then from some time on everyone has
    executed everything, and knows that all have; the logs are empty; no timer makes anyone say anything, but for a
    receipt that he owes; and no query waits whose front end had seen what it claims, whenever that was. *)
Theorem handlers_come_to_rest (C : nat -> cfg) (s : nat -> st) (m : nat -> nat -> mgr) (ev : nat -> event) t0 :
  undisturbed C s m ev t0 -> exists t1, forall t i, t1 <= t -> i < nM ->
    (forall r, In r (acc (s t)) -> In r (hist (s t) i)) /\ knows_all (m t i) /\
    pend (core (m t i)) ++ done (core (m t i)) = [] /\
    (forall j, j < nM -> j <> i -> is_owed (m t i) j = false ->
      on_gossip_timer (C i) (m t i) j = start (m t i)) /\
    (forall u f c, ~ In (c, fts (fes (s u) f)) (waiting (m t i))).
Proof. exact (all_come_to_rest C s m ev t0). Qed.
End Statement.
