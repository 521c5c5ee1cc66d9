(** The replica manager's durable replica and timestamp table, as pure functions. They follow
    src/protocol/replica.rs, rules.rs and the parts of replica_manager.rs that touch this state, function
    by function. [Handlers] adds the rest; both are extracted. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec.

(** Names a request: the front end, and the request's serial in the order that its front end issued it. *)
Definition cid := (nat * nat)%type.
Definition ceqb (a b : cid) : bool := (fst a =? fst b) && (snd a =? snd b).
Definition memc (c : cid) (l : list cid) : bool := existsb (ceqb c) l.
Global Arguments memc : simpl never.

(** [nR] replica managers take updates: [0 .. nR-1]. [nX] more are read-only: [nR .. nM-1].
    [apply] executes an update: its name, operation, past and timestamp. [also] is told of a further
    timestamp of an update that was executed before. *)
Class Params (Op Val : Type) := {
  nR : nat;
  nX : nat;
  apply : cid -> Op -> vec -> vec -> Val -> Val;
  also : cid -> Op -> vec -> vec -> Val -> Val;
  v0 : Val }.

(** Watermarks: for each front end, below which serial every request is finished. *)
Definition lows := list (nat * nat).
Definition lowof (l : lows) (f : nat) : nat :=
  fold_right (fun p m => if fst p =? f then Nat.max (snd p) m else m) 0 l.
Definition addlow (f n : nat) (l : lows) : lows :=
  (f, Nat.max n (lowof l f)) :: filter (fun p => negb (fst p =? f)) l.

Section Core.
Context {Op Val : Type} {P : Params Op Val}.

(** All members. *)
Definition nM : nat := nR + nX.

(** An update as a front end sends it. [q_ack] is its cumulative acknowledgement. *)
Record req := mkreq { q_cid : cid; q_ack : nat; q_prev : vec; q_op : Op }.

(** A log record. *)
Record urec := mkrec { r_org : nat; r_ts : vec; r_cid : cid; r_ack : nat; r_prev : vec; r_op : Op }.
Definition r_seq (r : urec) : nat := get (r_ts r) (r_org r).

Record rm := mkrm {
  me : nat;
  rts : vec;                    (* replica timestamp: what was received *)
  vts : vec;                    (* value timestamp: what the value reflects *)
  pend : list urec;             (* the log records that wait *)
  done : list urec;             (* the log records that ran *)
  exec : list (cid * vec);      (* executed table: with the merged timestamps *)
  val : Val;
  fin : lows;                   (* finished: requests below are refused *)
  gone : vec;                   (* discarded: up to where records have left the log *)
  tbl : list vec }.             (* timestamp table; all the rest is durable *)

Record gsp := mkgsp {
  g_src : nat; g_dst : nat;
  g_log : list urec;
  g_ts : vec;
  g_comp : bool;                (* not a fragment, or the last one *)
  g_asks : bool;
  g_tbl : list vec }.           (* the sender's table if it relays, else nothing *)

Definition rm0 (i : nat) : rm := mkrm i [] [] [] [] [] v0 [] [] [].
Definition with_tbl (s : rm) (t : list vec) : rm :=
  mkrm (me s) (rts s) (vts s) (pend s) (done s) (exec s) (val s) (fin s) (gone s) t.

(** ** Execution *)

Definition stable (v : vec) (r : urec) : bool := vleb nR (r_prev r) v.

(** Lighter past first, then by key. *)
Definition before_in_rank (a b : urec) : bool :=
  let wa := vsum nR (r_prev a) in let wb := vsum nR (r_prev b) in
  (wa <? wb) || ((wa =? wb) && ((r_org a <? r_org b) || ((r_org a =? r_org b) && (r_seq a <? r_seq b)))).

(** The first, in the order of [lt], of those that satisfy [f]; and the others. *)
Fixpoint pick {A} (f : A -> bool) (lt : A -> A -> bool) (l : list A) : option (A * list A) :=
  match l with
  | [] => None
  | x :: t =>
      match pick f lt t with
      | None => if f x then Some (x, t) else None
      | Some (y, t') => if f x && lt x y then Some (x, t) else Some (y, x :: t')
      end
  end.

(** The executed table with one more timestamp of [c]. *)
Definition eput (c : cid) (t : vec) (e : list (cid * vec)) : list (cid * vec) :=
  if memc c (map fst e) then map (fun p => if ceqb c (fst p) then (fst p, vmax nR (snd p) t) else p) e
  else (c, t) :: e.

(** Runs [r]; [p'] are the records that wait on. *)
Definition exec1 (s : rm) (r : urec) (p' : list urec) : rm :=
  let run := if memc (r_cid r) (map fst (exec s)) then also else apply in
  mkrm (me s) (rts s) (vmax nR (vts s) (r_ts r)) p' (r :: done s)
       (eput (r_cid r) (r_ts r) (exec s)) (run (r_cid r) (r_op r) (r_prev r) (r_ts r) (val s))
       (fin s) (gone s) (tbl s).

(** Runs what is stable until nothing is, and says what ran, in order. *)
Fixpoint drain (n : nat) (s : rm) : rm * list urec :=
  match n with
  | 0 => (s, [])
  | S n' => match pick (stable (vts s)) before_in_rank (pend s) with
            | None => (s, [])
            | Some (r, p') => let (s', l) := drain n' (exec1 s r p') in (s', r :: l)
            end
  end.
Definition settle (s : rm) : rm * list urec := drain (length (pend s)) s.

(** ** Collection *)

(** May the identifier leave the executed table when these records, which everyone holds, leave the log? *)
Definition forgotten (s : rm) (dropped : list urec) (c : cid) : bool :=
  existsb (fun r => (fst (r_cid r) =? fst c) && (snd c <? r_ack r)) dropped
  && negb (existsb (fun r => ceqb c (r_cid r)) (pend s)).

Definition discard (s : rm) (upto : vec) : rm :=
  let leaves r := r_seq r <=? get upto (r_org r) in
  mkrm (me s) (rts s) (vts s) (pend s) (filter (fun r => negb (leaves r)) (done s))
       (filter (fun p => negb (forgotten s (filter leaves (done s)) (fst p))) (exec s))
       (val s) (fin s) (vmax nR (gone s) upto) (tbl s).

(** ** The one way in which the durable replica changes; a journal holds these. *)

Inductive change :=
| CLog (replica_ts : vec) (records : list urec)
| CDiscard (upto : vec).

Definition add_all (s : rm) (v : vec) (l : list urec) : rm :=
  mkrm (me s) v (vts s) (pend s ++ l) (done s) (exec s) (val s)
       (fold_left (fun w r => addlow (fst (r_cid r)) (r_ack r) w) l (fin s)) (gone s) (tbl s).

Definition commit (s : rm) (c : change) : rm * list urec :=
  match c with
  | CLog v l => settle (add_all s v l)
  | CDiscard upto => (discard s upto, [])
  end.

(** ** An update arrives *)

Definition finished (s : rm) (c : cid) : bool := snd c <? lowof (fin s) (fst c).
Definition known (s : rm) (c : cid) : bool :=
  finished s c || memc c (map fst (exec s)) || existsb (fun r => ceqb c (r_cid r)) (pend s).
Definition plausible (s : rm) (q : req) : bool := get (q_prev q) (me s) <=? get (rts s) (me s).

(** The merged timestamps of all records that were ever seen here of an update that is known. *)
Definition timestamp_of (s : rm) (c : cid) : option vec :=
  match map r_ts (filter (fun r => ceqb c (r_cid r)) (pend s))
        ++ map snd (filter (fun p => ceqb c (fst p)) (exec s)) with
  | [] => None
  | t :: l => Some (fold_left (vmax nR) l t)
  end.

(** The record of a new update: its past with this manager's own count in it. *)
Definition stamp (s : rm) (q : req) : urec :=
  mkrec (me s) (vset nR (q_prev q) (me s) (S (get (rts s) (me s)))) (q_cid q) (q_ack q) (q_prev q) (q_op q).
Definition count (s : rm) (r : urec) : vec := vset nR (rts s) (me s) (r_seq r).

(** ** Gossip *)

Definition tget (s : rm) (j : nat) : vec := nth j (tbl s) [].

(** The log records beyond [v], ascending. *)
Definition beyond (s : rm) (v : vec) : list urec :=
  flat_map (fun o =>
    flat_map (fun k =>
      match find (fun r => (r_org r =? o) && (r_seq r =? k)) (pend s ++ done s) with
      | Some r => [r]
      | None => []
      end) (seq (S (get v o)) (get (rts s) o - get v o))) (seq 0 nR).

(** Gossip for [j], of which [v] is known. *)
Definition make_gossip (s : rm) (j : nat) (v : vec) (asks relays : bool) : gsp :=
  mkgsp (me s) j (beyond s v) (rts s) true asks (if relays then map (tget s) (seq 0 nM) else []).

(** The records that leave no gap and are not beyond what the message claims; and the replica timestamp
    with them. *)
Fixpoint take (claimed v : vec) (l : list urec) : vec * list urec :=
  match l with
  | [] => (v, [])
  | r :: t =>
      if (r_seq r =? S (get v (r_org r))) && (r_seq r <=? get claimed (r_org r)) then
        let (v', t') := take claimed (vset nR v (r_org r) (r_seq r)) t in (v', r :: t')
      else take claimed v t
  end.

(** What a complete message that left no gap teaches. *)
Definition learn (s : rm) (g : gsp) : rm :=
  let learns := g_comp g && vleb nR (g_ts g) (rts s) in
  let row k := if learns then
                 vmax nR (if k =? g_src g then vmax nR (tget s k) (g_ts g) else tget s k) (nth k (g_tbl g) [])
               else tget s k in
  with_tbl s (map row (seq 0 nM)).

(** ** What may be discarded *)

Definition updatable (k : nat) : bool := k <? nR.
Definition keeps (s : rm) (k : nat) : bool := updatable (me s) || updatable k.
Definition peers (s : rm) : list nat := filter (fun k => negb (k =? me s)) (seq 0 nM).
Definition needed (s : rm) : list nat := filter (keeps s) (peers s).

(** For each origin, up to where its records have all run. *)
Definition prefix (s : rm) : vec :=
  tab nR (fun o =>
    fold_right (fun r m => if r_org r =? o then Nat.min m (pred (r_seq r)) else m) (get (rts s) o) (pend s)).
(** Up to where all of these have the records. *)
Definition discardable (asked : list nat) (s : rm) : vec :=
  fold_left (fun floor k => vmin nR floor (tget s k)) asked (prefix s).

(** Is there anything to discard, and then up to where? *)
Definition collects (asked : list nat) (s : rm) : option vec :=
  let upto := discardable asked s in if vleb nR upto (gone s) then None else Some upto.

(** ** After a crash: what was known of others is lost, but for what may be read off the log. *)
Definition restart (s : rm) : rm :=
  with_tbl s (map (fun k => if keeps s k then gone s else []) (seq 0 nM)).

(** ** Queries *)
Definition on_query (s : rm) (prev : vec) : option (Val * vec) :=
  if vleb nR prev (vts s) then Some (val s, vts s) else None.

(** ** What a sequence of executed records makes of the value. For the statements. *)
Fixpoint replay (ex : list cid) (v : Val) (h : list urec) : Val :=
  match h with
  | [] => v
  | r :: t =>
      if memc (r_cid r) ex then replay ex (also (r_cid r) (r_op r) (r_prev r) (r_ts r) v) t
      else replay (r_cid r :: ex) (apply (r_cid r) (r_op r) (r_prev r) (r_ts r) v) t
  end.
End Core.
