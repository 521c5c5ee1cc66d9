(** The main claim, readable alone: what the handlers never do wrong, in whatever order things happen to them, and that
    they converge. [ClaimHolds.claim_holds] is its proof. [Statement] says more, and needs more definitions.

    Nothing here looks into the handlers ([on_update] and so on, in Handlers.v): the claim is about them, so they need
    no trust. What is used of the other files is data only (check.sh sees to it):
    - [Params]: [nR] replica managers take updates, [nM] are there in all; any numbers. The service: the first value
      [v0]; [apply] executes an update (its name, operation, past and timestamp) on a value; [also] is told of a
      further record of one that was executed before. Any functions.
    - [cid], a name: a front end, and the serial of one of its requests. [vec], a timestamp: a list of numbers, of which
      those that are missing are 0.
    - [req], an update as its front end sends it: [q_cid] its name, [q_ack] what is acknowledged, [q_prev] what the
      client had seen, [q_op] the operation. [urec], a record of it at one manager: [r_cid], [r_prev], [r_op] are those
      of the request; [r_ts] is its timestamp.
    - [gsp], gossip: [g_src], [g_dst], records [g_log], a timestamp [g_ts], if it is the last part [g_comp], a table.
    - [mgr], a manager's state: [core m] is its replica, with the value [val], its timestamp [vts], the records of the
      log that wait [pend] and that ran [done], and the executed table [exec]. [rm0 i] is the empty one of manager [i].
    - [work], what a handler did: [now] is the state afterwards, [sent] the messages, [ran] the records executed, in
      order; [start m] is the work that does nothing. Messages are [OReply] (to an update: its timestamp), [OAnswer] (to
      a query: the value that is asked, and its timestamp), [OGossip], and others that the claim says nothing of.
    - [cfg], a configuration: [partners], whom its timers tell, and the places of managers that are [absent]. *)
From Coq Require Import List Arith.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers.

Section Claim.
Context {Op Val : Type} {P : Params Op Val}.
Notation req := (@req Op).
Notation urec := (@urec Op).
Notation gsp := (@gsp Op).
Notation mgr := (@mgr Op Val).
Notation work := (@work Op Val).

(** ** What can happen *)
(** The managers; what each has executed, in order; all that front ends ever issued or asked, and managers sent. *)
Record world := mkworld {
  at_ : nat -> mgr;
  history : nat -> list urec;
  issued : list req;
  asked : list (cid * vec);
  told : list (@out Op Val) }.

(** At the beginning, all are empty. *)
Definition empty : world := mkworld (fun i => mkmgr (rm0 i) [] [] 0) (fun _ => []) [] [] [].

(** What a manager is given. *)
Inductive input :=
| Update (q : req) | Query (c : cid) (prev : vec) | Gossip (g : gsp) | Pull (from : nat) (t : vec) | Timer (to : nat)
| Restart.    (* for the first time, or after a crash: of its state, only [core] without its table is left *)

Definition handle (C : cfg) (m : mgr) (x : input) : work :=
  match x with
  | Update q => on_update C m q
  | Query c prev => on_query_message C m c prev
  | Gossip g => on_gossip C m g
  | Pull j t => on_pull C m j t
  | Timer j => on_gossip_timer C m j
  | Restart => start (on_start C (core m))
  end.

(** A part of a message: any of its records, in any order; marked whole only if it claims what the whole one does. *)
Definition part (whole g : gsp) : Prop :=
  g_src g = g_src whole /\ g_dst g = g_dst whole /\ incl (g_log g) (g_log whole) /\
  (g_comp g = true -> g_comp whole = true /\ g_ts g = g_ts whole /\ g_tbl g = g_tbl whole).

(** What may arrive at manager [i]: what was sent, at any time, any number of times, or never. Timers fire, and
    managers crash, at any time. *)
Definition arrives (w : world) (i : nat) (x : input) : Prop :=
  match x with
  | Update q => In q (issued w)
  | Query c prev => In (c, prev) (asked w)
  | Gossip g => g_dst g = i /\ exists whole, In (OGossip whole) (told w) /\ part whole g
  | Pull j _ | Timer j => j < nM
  | Restart => True
  end.

(** Any configuration, at each call, in which everyone is a member. *)
Definition proper (C : cfg) : Prop := (forall j, In j (partners C) -> j < nM) /\ absent C = [].

(** Manager [i], configured by [C], is given [x]. *)
Definition after (C : cfg) (w : world) (i : nat) (x : input) : world := let did := handle C (at_ w i) x in
  mkworld (fun k => if k =? i then now did else at_ w k)
    (fun k => if k =? i then history w i ++ ran did else history w k) (issued w) (asked w) (sent did ++ told w).

(** Front ends issue what they like: any past, any acknowledgement, and serials that ascend; they ask what they like. *)
Inductive happens : world -> world -> Prop :=
| issues w q : (forall q', In q' (issued w) -> fst (q_cid q') = fst (q_cid q) -> snd (q_cid q') < snd (q_cid q)) ->
    happens w (mkworld (at_ w) (history w) (q :: issued w) (asked w) (told w))
| asks w c prev : happens w (mkworld (at_ w) (history w) (issued w) ((c, prev) :: asked w) (told w))
| handles w i C x : i < nM -> proper C -> arrives w i x -> happens w (after C w i x).

Inductive possible : world -> Prop :=
| begins_so : possible empty
| goes_on_so w w' : possible w -> happens w w' -> possible w'.

(** ** What is right then *)
Definition within (u v : vec) : Prop := forall k, k < nR -> nth k u 0 <= nth k v 0.

(** Manager [i] has received a record: it was executed, or waits. A record is somewhere, if anyone has. *)
Definition has (w : world) (i : nat) (r : urec) : Prop := In r (history w i) \/ In r (pend (core (at_ w i))).
Definition somewhere (w : world) (r : urec) : Prop := exists i, i < nM /\ has w i r.

(** A history in causal order: before a record, all that its past covers has run. *)
Definition causal (w : world) (h : list urec) : Prop :=
  forall l1 u l2 d, h = l1 ++ u :: l2 -> somewhere w d -> within (r_ts d) (r_prev u) -> In d l1.

(** The result of a history: each update is applied once, with the first of its records. *)
Fixpoint result (applied : list cid) (v : Val) (h : list urec) : Val :=
  match h with
  | [] => v
  | r :: t =>
      if existsb (fun c => (fst (r_cid r) =? fst c) && (snd (r_cid r) =? snd c))%bool applied
      then result applied (also (r_cid r) (r_op r) (r_prev r) (r_ts r) v) t
      else result (r_cid r :: applied) (apply (r_cid r) (r_op r) (r_prev r) (r_ts r) v) t
  end.

(** A lawful service: histories of the same records, in any causal order, have the same result. *)
Definition lawful (w : world) : Prop := forall h1 h2, NoDup h1 -> NoDup h2 ->
  (forall r, In r h1 -> somewhere w r) -> (forall r, In r h1 <-> In r h2) ->
  causal w h1 -> causal w h2 -> result [] v0 h1 = result [] v0 h2.

(** What a client does and hears of. With an update or a question [d] it may claim what it was told before, with [d'],
    as front ends do for it. (Nobody else asks under the same name.) *)
Inductive deed := Writes (q : req) | Hears (c : cid) (t : vec) | Reads (c : cid) (prev : vec) (v : Val) (t : vec).
Definition takes_place (w : world) (d : deed) : Prop := match d with
  | Writes q => In q (issued w)
  | Hears c t => In (OReply c t) (told w)
  | Reads c prev v t => In (OAnswer c v t) (told w) /\ forall p, In (c, p) (asked w) -> p = prev
  end.
Definition claims (d d' : deed) : Prop :=
  let t := match d' with Writes _ => [] | Hears _ t | Reads _ _ _ t => t end in
  match d with Writes q => within t (q_prev q) | Hears _ _ => False | Reads _ prev _ _ => within t prev end.
(** The records that it shows to the client, and those that it builds on or reflects. *)
Definition shows (w : world) (d : deed) (r : urec) : Prop := somewhere w r /\ match d with
  | Writes _ => False
  | Hears c t => r_cid r = c /\ within (r_ts r) t
  | Reads _ _ _ t => within (r_ts r) t
  end.
Definition reflects (w : world) (d : deed) (r : urec) : Prop := match d with
  | Writes q => forall i l1 u l2, i < nM -> history w i = l1 ++ u :: l2 -> r_cid u = q_cid q -> In r l1
  | Hears _ _ => True
  | Reads _ _ _ t => within (r_ts r) t
  end.

Record right (w : world) : Prop := {
  (** Each update at most once, in causal order: the value is the result of such a history. *)
  right_value : forall i, i < nM -> val (core (at_ w i)) = result [] v0 (history w i) /\
    NoDup (history w i) /\ causal w (history w i);
  (** Nothing is made up: each record is of an update that was issued. *)
  right_records : forall r, somewhere w r ->
    exists q, In q (issued w) /\ q_cid q = r_cid r /\ q_prev q = r_prev r /\ q_op q = r_op r;
  (** The value timestamp covers just what was executed. *)
  right_timestamp : forall i r, i < nM ->
    (In r (history w i) <-> somewhere w r /\ within (r_ts r) (vts (core (at_ w i))));
  (** A reply means that the update is recorded, under a timestamp that the reply covers. *)
  right_reply : forall c t, In (OReply c t) (told w) -> exists r, somewhere w r /\ r_cid r = c /\ within (r_ts r) t;
  (** An answer is the result of a history in causal order that holds just what the answer's timestamp covers, and that
      covers the past that was sent with the question: all that the client had seen, if he says so. *)
  right_answer : forall c v t, In (OAnswer c v t) (told w) ->
    (exists prev, In (c, prev) (asked w) /\ within prev t) /\
    exists h, v = result [] v0 h /\ NoDup h /\ causal w h /\ forall r, In r h <-> somewhere w r /\ within (r_ts r) t;
  (** Read your writes, monotonic reads, monotonic writes, writes follow reads. *)
  right_session : forall d' d r, takes_place w d' -> takes_place w d -> claims d d' -> shows w d' r -> reflects w d r;
  (** Equal timestamps, equal values. *)
  right_values : lawful w -> forall i j, i < nM -> j < nM -> within (vts (core (at_ w i))) (vts (core (at_ w j))) ->
    within (vts (core (at_ w j))) (vts (core (at_ w i))) ->
    val (core (at_ w i)) = val (core (at_ w j));
  (** What has left the log has reached all; from the log of a read-only manager, all that take updates. *)
  right_log : forall i j r, i < nM -> j < nM -> i < nR \/ j < nR ->
    In r (history w i) -> ~ In r (done (core (at_ w i))) -> has w j r;
  (** What has left the executed table has run here in all its records, and who takes updates ignores it. *)
  right_table : forall i r, i < nM -> In r (history w i) -> ~ In (r_cid r) (map fst (exec (core (at_ w i)))) ->
    (forall r', somewhere w r' -> r_cid r' = r_cid r -> In r' (history w i)) /\
    forall k C q, k < nR -> q_cid q = r_cid r -> now (on_update C (at_ w k) q) = at_ w k }.

(** ** What happens in the end, if it goes on for ever *)
Definition goes_on (run : nat -> world) : Prop :=
  possible (run 0) /\ forall t, happens (run t) (run (S t)) \/ run (S t) = run t.

(** Again and again, of each manager that takes updates, the timer for each other one goes off, its partner; and then it
    says nothing, or what it says arrives some time, whole. *)
Definition fair (run : nat -> world) : Prop := forall i j t, i < nR -> j < nM -> i <> j -> exists t1 C,
  t <= t1 /\ proper C /\ In j (partners C) /\ run (S t1) = after C (run t1) i (Timer j) /\
  let said := sent (on_gossip_timer C (at_ (run t1) i) j) in
  said = [] \/ exists g t2 D, In (OGossip g) said /\ t1 < t2 /\ run (S t2) = after D (run t2) j (Gossip g).

(** Front ends claimed what managers had told, merged, and no more. *)
Definition honest (w : world) : Prop := forall q k, In q (issued w) -> k < nR -> nth k (q_prev q) 0 = 0 \/
  exists t c, (In (OReply c t) (told w) \/ exists v, In (OAnswer c v t) (told w)) /\
    within t (q_prev q) /\ nth k t 0 = nth k (q_prev q) 0.

(** If from [t0] on no record is made, then from some time on all value timestamps are equal, and all have received
    every record; and if front ends were honest, all have executed every record. *)
Definition converges (run : nat -> world) : Prop :=
  forall t0, (forall t r, t0 <= t -> somewhere (run t) r -> somewhere (run t0) r) ->
  exists t1, forall t i, t1 <= t -> i < nM ->
    (forall j, j < nM -> within (vts (core (at_ (run t) i))) (vts (core (at_ (run t) j)))) /\
    forall r, somewhere (run t) r -> has (run t) i r /\ (honest (run t) -> In r (history (run t) i)).

Definition claim : Prop := (forall w, possible w -> right w) /\ forall run, goes_on run -> fair run -> converges run.
End Claim.
