(** The replica manager, as pure functions: this is the code that is extracted. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec.

Definition cid := (nat * nat)%type.           (* (front end, its serial number) *)
Definition ceqb (a b : cid) : bool := (fst a =? fst b) && (snd a =? snd b).
Lemma ceqb_spec a b : ceqb a b = true <-> a = b.
Proof.
  destruct a as [a1 a2], b as [b1 b2]; unfold ceqb; simpl.
  rewrite andb_true_iff, !Nat.eqb_eq; split; [intros [-> ->]; auto | intros H; inversion H; auto].
Qed.

(** Parameters: number of replicas, and the replicated object. *)
Class Params (Op Val : Type) := { nR : nat; apply : Op -> Val -> Val; v0 : Val }.

(** Watermarks: for each front end, a number below which its updates are finished. *)
Definition lows := list (nat * nat).
Definition lowof (l : lows) (f : nat) : nat :=
  fold_right (fun p m => if fst p =? f then Nat.max (snd p) m else m) 0 l.
Definition addlow (f n : nat) (l : lows) : lows :=
  (f, Nat.max n (lowof l f)) :: filter (fun p => negb (fst p =? f)) l.
Definition mergelow (a b : lows) : lows := fold_right (fun p l => addlow (fst p) (snd p) l) b a.

Lemma lowof_filter_other f g l : g <> f -> lowof (filter (fun p => negb (fst p =? f)) l) g = lowof l g.
Proof.
  intros H. induction l as [|[a b] l IH]; simpl; auto.
  destruct (Nat.eqb_spec a f) as [->|Ha]; simpl.
  - rewrite IH. destruct (Nat.eqb_spec f g); [congruence|auto].
  - now rewrite IH.
Qed.
Lemma lowof_filter_same f l : lowof (filter (fun p => negb (fst p =? f)) l) f = 0.
Proof.
  induction l as [|[a b] l IH]; simpl; auto.
  destruct (Nat.eqb_spec a f) as [->|Ha]; simpl; auto.
  apply Nat.eqb_neq in Ha. now rewrite Ha.
Qed.
Lemma lowof_addlow f n l g : lowof (addlow f n l) g = if g =? f then Nat.max n (lowof l f) else lowof l g.
Proof.
  unfold addlow. simpl. destruct (Nat.eqb_spec f g) as [->|H].
  - rewrite Nat.eqb_refl, lowof_filter_same. lia.
  - rewrite lowof_filter_other by auto. destruct (Nat.eqb_spec g f); [congruence|auto].
Qed.
Lemma lowof_mergelow a b g : lowof (mergelow a b) g = Nat.max (lowof a g) (lowof b g).
Proof.
  induction a as [|[f n] a IH]; [reflexivity|].
  change (lowof (addlow f n (mergelow a b)) g = Nat.max (lowof ((f, n) :: a) g) (lowof b g)).
  rewrite lowof_addlow.
  assert (E : lowof ((f, n) :: a) g = if f =? g then Nat.max n (lowof a g) else lowof a g) by reflexivity.
  rewrite E. destruct (Nat.eqb_spec g f) as [->|H].
  - rewrite Nat.eqb_refl, IH. lia.
  - destruct (Nat.eqb_spec f g); [congruence|auto].
Qed.

Section Core.
Context {Op Val : Type} {P : Params Op Val}.

Record urec := mkrec { r_org : nat; r_ts : vec; r_prev : vec; r_cid : cid; r_op : Op }.
Definition r_seq (r : urec) : nat := get (r_ts r) (r_org r).

Record rm := mkrm {
  me : nat;
  rts : vec;               (* replica timestamp: what has been received *)
  vts : vec;               (* value timestamp: what the value reflects *)
  pend : list urec;        (* log records not yet executed *)
  done : list urec;        (* log records executed, kept for gossip *)
  exec : list cid;         (* executed operation table *)
  val : Val;
  tbl : list vec;          (* timestamp table *)
  low : lows;              (* updates below are finished: requests for them are refused *)
  lowt : list lows }.      (* the watermarks heard from each replica *)

Record req := mkreq { q_cid : cid; q_op : Op; q_prev : vec }.
Record gsp := mkgsp { g_src : nat; g_dst : nat; g_log : list urec; g_ts : vec; g_low : lows }.

Definition rm0 (i : nat) : rm := mkrm i [] [] [] [] [] v0 [] [] [].

Fixpoint pick {A} (f : A -> bool) (l : list A) : option (A * list A) :=
  match l with
  | [] => None
  | x :: t => if f x then Some (x, t)
              else match pick f t with None => None | Some (y, t') => Some (y, x :: t') end
  end.

(** Stable, and first in causal order among the pending records. *)
Definition ready (v : vec) (p : list urec) (r : urec) : bool :=
  vleb nR (r_prev r) v && negb (existsb (fun r' => vleb nR (r_ts r') (r_prev r)) p).

Definition memc (c : cid) (l : list cid) : bool := existsb (ceqb c) l.

Global Arguments memc : simpl never.

Definition exec1 (s : rm) (r : urec) (p' : list urec) : rm :=
  let old := memc (r_cid r) (exec s) in
  mkrm (me s) (rts s) (vmax nR (vts s) (r_ts r)) p' (r :: done s)
       (if old then exec s else r_cid r :: exec s)
       (if old then val s else apply (r_op r) (val s)) (tbl s) (low s) (lowt s).

Fixpoint drain (n : nat) (s : rm) : rm * list urec :=
  match n with
  | 0 => (s, [])
  | S n' => match pick (ready (vts s) (pend s)) (pend s) with
            | None => (s, [])
            | Some (r, p') => let (s', l) := drain n' (exec1 s r p') in (s', r :: l)
            end
  end.
Definition settle (s : rm) : rm * list urec := drain (length (pend s)) s.

Definition lookup (s : rm) (c : cid) : option urec :=
  find (fun r => ceqb c (r_cid r)) (pend s ++ done s).
Definition known (s : rm) (c : cid) : bool :=
  (snd c <? lowof (low s) (fst c)) || memc c (exec s) || existsb (fun r => ceqb c (r_cid r)) (pend s ++ done s).

(** The record RM [s] makes for a new update: u.prev with its own entry replaced. *)
Definition stamp (s : rm) (q : req) : urec :=
  mkrec (me s) (vset nR (q_prev q) (me s) (S (get (rts s) (me s)))) (q_prev q) (q_cid q) (q_op q).

Definition add_new (s : rm) (q : req) : rm :=
  mkrm (me s) (vset nR (rts s) (me s) (S (get (rts s) (me s)))) (vts s)
       (pend s ++ [stamp s q]) (done s) (exec s) (val s) (tbl s) (low s) (lowt s).

(** An update request. Result: new state, records executed, record to acknowledge. *)
Definition on_request (s : rm) (q : req) : rm * list urec * option urec :=
  if known s (q_cid q) then (s, [], lookup s (q_cid q))
  else let (s', l) := settle (add_new s q) in (s', l, Some (stamp s q)).

Definition tget (s : rm) (j : nat) : vec := nth j (tbl s) [].
Definition tset (s : rm) (j : nat) (v : vec) : list vec :=
  map (fun k => if k =? j then vmax nR (tget s j) v else tget s k) (seq 0 nR).

(** Gossip for [j]: the log less what the timestamp table says [j] has. *)
Definition make_gossip (s : rm) (j : nat) : gsp :=
  mkgsp (me s) j
    (filter (fun r => get (tget s j) (r_org r) <? r_seq r) (pend s ++ done s)) (rts s) (low s).

Definition lget (s : rm) (j : nat) : lows := nth j (lowt s) [].
Definition lset (s : rm) (j : nat) (l : lows) : list lows :=
  map (fun k => if k =? j then mergelow l (lget s k) else lget s k) (seq 0 nR).

Definition is_new (s : rm) (r : urec) : bool := get (rts s) (r_org r) <? r_seq r.

Definition merge_gossip (s : rm) (g : gsp) : rm :=
  mkrm (me s) (vmax nR (rts s) (g_ts g)) (vts s)
       (pend s ++ filter (is_new s) (g_log g)) (done s) (exec s) (val s)
       (tset s (g_src g) (g_ts g)) (mergelow (g_low g) (low s)) (lset s (g_src g) (g_low g)).

Definition on_gossip (s : rm) (g : gsp) : rm * list urec := settle (merge_gossip s g).

(** Log garbage collection: drop what every replica is known to have received. *)
Definition everywhere (s : rm) (r : urec) : bool :=
  forallb (fun j => if j =? me s then true else r_seq r <=? get (tget s j) (r_org r)) (seq 0 nR).
Definition gc (s : rm) : rm :=
  mkrm (me s) (rts s) (vts s) (pend s) (filter (fun r => negb (everywhere s r)) (done s))
       (exec s) (val s) (tbl s) (low s) (lowt s).

(** A front end tells a replica which of its updates are finished (with any message). *)
Definition raise (s : rm) (f n : nat) : rm :=
  mkrm (me s) (rts s) (vts s) (pend s) (done s) (exec s) (val s) (tbl s) (addlow f n (low s)) (lowt s).

(** Garbage collection of the executed operation table: forget an identifier once every
    replica is known to refuse it and no record that carries it waits here. *)
Definition finished (s : rm) (c : cid) : bool :=
  forallb (fun k => snd c <? lowof (if k =? me s then low s else lget s k) (fst c)) (seq 0 nR)
  && negb (existsb (fun r => ceqb c (r_cid r)) (pend s)).
Definition egc (s : rm) : rm :=
  mkrm (me s) (rts s) (vts s) (pend s) (done s) (filter (fun c => negb (finished s c)) (exec s))
       (val s) (tbl s) (low s) (lowt s).

(** Crash and recovery: the timestamp and watermark tables are volatile, the rest is on disk. *)
Definition crash (s : rm) : rm :=
  mkrm (me s) (rts s) (vts s) (pend s) (done s) (exec s) (val s) [] (low s) [].

Definition on_query (s : rm) (prev : vec) : option (Val * vec) :=
  if vleb nR prev (vts s) then Some (val s, vts s) else None.

(** What a sequence of executed records makes of the value. *)
Fixpoint replay (ex : list cid) (v : Val) (h : list urec) : Val :=
  match h with
  | [] => v
  | r :: t => if memc (r_cid r) ex then replay ex v t
              else replay (r_cid r :: ex) (apply (r_op r) v) t
  end.
End Core.
