(** The handlers of the replica manager, with everything that they decide and send: each follows the
    function of the same name in src/protocol/replica_manager.rs. [Simulation] proves that a handler does
    nothing but steps of [System]. *)
From Coq Require Import List Arith Bool.
Import ListNotations.
From Chinwag Require Import Vec Core.

Section Handlers.
Context {Op Val : Type} {P : Params Op Val}.
Notation rm := (@rm Op Val).

(** What never changes, until it starts again with a configuration in which another member was replaced. *)
Record cfg := mkcfg {
  partners : list nat; batch : nat; pulls : bool; relays : bool;
  pend_max : nat; wait_max : nat;
  epoch : nat;                      (* how many members were replaced so far *)
  absent : list nat;                (* places of those that are not, or no longer, members *)
  newcomers : list nat }.           (* places of those that took the place of another one *)

Record mgr := mkmgr {
  core : rm;
  waiting : list (cid * vec);       (* queries that wait, by ascending identifier, with their [prev] *)
  owed : list bool;                 (* peers that asked for a receipt *)
  unsent : nat }.                   (* updates accepted since the last full batch *)

Inductive refusal := ReadOnly | UnknownPast | Overloaded.

(** What is sent, in order; [OLost] is the event StateLost, and no message. *)
Inductive out :=
| OReply (c : cid) (t : vec)
| OAnswer (c : cid) (v : Val) (t : vec)      (* the answer is the query's, to the value [v] *)
| ORefuse (c : cid) (why : refusal)
| OGossip (g : @gsp Op)
| OPull (dst : nat) (t : vec)
| OLost (known remembered : nat).

(** A handler at work: the state, and its effects so far. *)
Record work := mkwork {
  now : mgr;
  sent : list out;
  jrnl : list (@change Op);         (* changes of the durable replica, in order *)
  ran : list (@urec Op) }.          (* what was executed, in order *)

Variable C : cfg.

Definition start (m : mgr) : work := mkwork m [] [] [].
Definition emit (o : out) (w : work) : work := mkwork (now w) (sent w ++ [o]) (jrnl w) (ran w).
Definition with_core (s : rm) (w : work) : work :=
  mkwork (mkmgr s (waiting (now w)) (owed (now w)) (unsent (now w))) (sent w) (jrnl w) (ran w).
Definition with_ctl (wt : list (cid * vec)) (ow : list bool) (un : nat) (w : work) : work :=
  mkwork (mkmgr (core (now w)) wt ow un) (sent w) (jrnl w) (ran w).
Definition core_of (w : work) : rm := core (now w).

(** The only way in which the durable replica changes: here and in the journal. *)
Definition do_commit (c : change) (w : work) : work :=
  let (s, l) := commit (core_of w) c in
  mkwork (mkmgr s (waiting (now w)) (owed (now w)) (unsent (now w))) (sent w) (jrnl w ++ [c]) (ran w ++ l).

Definition is_absent (k : nat) : bool := existsb (Nat.eqb k) (absent C).
Definition is_new (k : nat) : bool := existsb (Nat.eqb k) (newcomers C).
(** Whom it asks before it discards anything. *)
Definition counted (s : rm) : list nat := filter (fun k => negb (is_absent k)) (needed s).

(** ** Whom to tell what *)

(** What gossip to [j] must bring about: that it holds what we hold. One that relays is not content before
    it knows the same of all. *)
Definition known_through (s : rm) (j : nat) : vec :=
  if relays C then fold_left (fun v k => vmin nR v (tget s k)) (counted s) (tget s j) else tget s j.
(** A read-only manager, which has no partners, has a reason too while its log is not empty: only its peers
    can tell it that they hold what is in there, and they may think that they have. *)
Definition drains (s : rm) (j : nat) : bool :=
  negb (updatable (me s)) && keeps s j && (0 <? length (pend s ++ done s)).
Definition own_reason (s : rm) (j : nat) : bool :=
  (drains s j || existsb (Nat.eqb j) (partners C)) && negb (vleb nR (rts s) (known_through s j)).
Definition is_owed (m : mgr) (j : nat) : bool := nth j (owed m) false.
Definition has_reason (m : mgr) (j : nat) : bool := is_owed m j || own_reason (core m) j.
Definition set_owed (j : nat) (b : bool) (l : list bool) : list bool :=
  map (fun k => if k =? j then b else nth k l false) (seq 0 nM).

Definition send_gossip (j : nat) (v : vec) (w : work) : work :=
  let s := core_of w in
  emit (OGossip (make_gossip s j v (negb (vleb nR (rts s) (known_through s j))) (relays C))) w.
Definition gossip (j : nat) (w : work) : work :=
  let w := send_gossip j (tget (core_of w) j) w in
  with_ctl (waiting (now w)) (set_owed j false (owed (now w))) (unsent (now w)) w.
Definition send_full_batch (w : work) : work :=
  if (0 <? batch C) && (batch C <=? unsent (now w)) then
    fold_left (fun w j => gossip j w) (partners C) (with_ctl (waiting (now w)) (owed (now w)) 0 w)
  else w.
Definition drop_needless_receipts (w : work) : work :=
  let s := core_of w in
  let still j := nth j (owed (now w)) false && ((j =? me s) || negb (own_reason s j)) in
  with_ctl (waiting (now w)) (map still (seq 0 nM)) (unsent (now w)) w.

(** The first entry in which [v] is beyond [u]. *)
Definition first_beyond (v u : vec) : option nat := find (fun o => get u o <? get v o) (seq 0 nR).
Definition pull_for (prev : vec) (w : work) : work :=
  match first_beyond prev (rts (core_of w)) with
  | Some o => if pulls C && negb (o =? me (core_of w)) && negb (is_absent o) then emit (OPull o (rts (core_of w))) w else w
  | None => w
  end.

Definition do_collect (w : work) : work :=
  match collects (counted (core_of w)) (core_of w) with
  | Some upto => do_commit (CDiscard upto) w
  | None => w
  end.

Definition answer (c : cid) (prev : vec) (w : work) : option work :=
  match on_query (core_of w) prev with
  | Some (v, t) => Some (emit (OAnswer c v t) w)
  | None => None
  end.
Definition answer_one (x : work * list (cid * vec)) (y : cid * vec) : work * list (cid * vec) :=
  let (w, still) := x in
  let (c, prev) := y in
  match answer c prev w with Some w' => (w', still) | None => (w, still ++ [(c, prev)]) end.
Definition answer_waiting (w : work) : work :=
  let (w', still) := fold_left answer_one (waiting (now w)) (w, []) in
  with_ctl still (owed (now w')) (unsent (now w')) w'.

Definition count_of (s : rm) : nat := if updatable (me s) then get (rts s) (me s) else 0.
Definition report_loss (known : nat) (w : work) : work := emit (OLost known (count_of (core_of w))) w.

(** ** The handlers *)

Definition reply (c : cid) (t : option vec) (w : work) : work :=
  match t with Some t => emit (OReply c t) w | None => w end.

Definition record (q : req) (w : work) : work :=
  let r := stamp (core_of w) q in
  let w := do_commit (CLog (count (core_of w) r) [r]) w in
  let m := now w in
  pull_for (q_prev q) (with_ctl (waiting m) (owed m) (unsent m + (if 0 <? batch C then 1 else 0)) w).

Definition on_update (m : mgr) (q : req) : work :=
  let w := start m in
  let s := core m in
  let c := q_cid q in
  if known s c then reply c (if finished s c then None else timestamp_of s c) w
  else if negb (updatable (me s)) then emit (ORefuse c ReadOnly) w
  else if negb (plausible s q) then emit (ORefuse c UnknownPast) (report_loss (get (q_prev q) (me s)) w)
  else if negb (vleb nR (q_prev q) (vts s)) && (pend_max C <=? length (pend s)) then emit (ORefuse c
    Overloaded) w
  else
    let t := r_ts (stamp s q) in
    drop_needless_receipts (send_full_batch (answer_waiting (do_collect (reply c (Some t) (record q w))))).

Fixpoint wput (c : cid) (prev : vec) (l : list (cid * vec)) : list (cid * vec) :=
  match l with
  | [] => [(c, prev)]
  | (d, p) :: t =>
      if ceqb c d then (c, prev) :: t
      else if (fst c <? fst d) || ((fst c =? fst d) && (snd c <? snd d)) then (c, prev) :: l
      else (d, p) :: wput c prev t
  end.

Definition on_query_message (m : mgr) (c : cid) (prev : vec) : work :=
  let w := start m in
  match answer c prev w with
  | Some w' => w'
  | None =>
      if (wait_max C <=? length (waiting m)) && negb (existsb (fun p => ceqb c (fst p)) (waiting m)) then
        emit (ORefuse c Overloaded) w
      else
        let w := pull_for prev w in
        with_ctl (wput c prev (waiting (now w))) (owed (now w)) (unsent (now w)) w
  end.

Definition on_gossip (m : mgr) (g : gsp) : work :=
  let w := start m in
  let s := core m in
  if updatable (me s) && (get (rts s) (me s) <? get (g_ts g) (me s)) then report_loss (get (g_ts g) (me s)) w
  else
    let overtaken := vleb nR (g_ts g) (tget s (g_src g)) && negb (vleb nR (tget s (g_src g)) (g_ts g)) in
    let owes := is_owed m (g_src g) || (g_asks g && negb overtaken) in
    let w := with_ctl (waiting m) (set_owed (g_src g) owes (owed m)) (unsent m) w in
    let (v, l) := take (g_ts g) (rts s) (g_log g) in
    let w := match l with [] => w | _ => do_commit (CLog v l) w end in
    let w := with_core (learn (core_of w) g) w in
    drop_needless_receipts (answer_waiting (do_collect w)).

(** Gossip is heard of whoever has recorded as many replacements: the number comes with the message. *)
Definition hear (m : mgr) (said : nat) (g : gsp) : work := if said =? epoch C then on_gossip m g else start m.

Definition on_pull (m : mgr) (from : nat) (t : vec) : work :=
  let w := start m in
  if vleb nR (rts (core m)) t then w else send_gossip from t w.

Definition on_gossip_timer (m : mgr) (j : nat) : work :=
  let w := start m in
  if has_reason m j then gossip j w else w.

(** The first start, the start after a crash, and the start with another configuration, which says who was
    replaced. Nothing is known of a newcomer before it has said what it holds. *)
Definition begins (s : rm) : rm :=
  with_tbl s (map (fun k => if is_absent k || is_new k then [] else tget (restart s) k) (seq 0 nM)).
Definition on_start (s : rm) : mgr := mkmgr (begins s) [] (map (fun _ => false) (seq 0 nM)) 0.

(** The newcomer [i] starts with a copy of the durable replica of another one. *)
Definition on_copy (i : nat) (x : rm) : mgr :=
  on_start (mkrm i (rts x) (vts x) (pend x) (done x) (exec x) (val x) (fin x) (gone x) []).
(** It may ask for one when so many of the others have said that they have recorded the replacement. *)
Definition may_ask (confirmed others : nat) : bool := confirmed =? others.

(** The durable replica after the changes of a journal. *)
Definition replay_journal (s : rm) (l : list change) : rm := fold_left (fun s c => fst (commit s c)) l s.
End Handlers.
