(** A negative control. The lecture rule read literally, "an update is stable when
    u.prev <= valueTS; when stable, apply it", without choosing a causally first record among
    the stable ones, breaks causal order: here is a run of three replicas that does so.
    The same run on the proved replica is in order. *)
From Coq Require Import List Arith Bool.
Import ListNotations.
From Chinwag Require Import Vec Core.

Global Instance P3 : Params nat (list nat) := {| nR := 3; apply := fun o v => v ++ [o]; v0 := [] |}.

(** [drain] with [ready] replaced by the bare stability test. *)
Notation rm3 := (@rm nat (list nat)).
Fixpoint ndrain (n : nat) (s : rm3) : rm3 :=
  match n with
  | 0 => s
  | S n' => match pick (fun r => vleb nR (r_prev r) (vts s)) (pend s) with
            | None => s
            | Some (r, p') => ndrain n' (exec1 s r p')
            end
  end.
Definition nreq (s : rm3) q := let s1 := add_new s q in ndrain (length (pend s1)) s1.
Definition ngsp (s : rm3) g := let s1 := merge_gossip s g in ndrain (length (pend s1)) s1.
Definition greq (s : rm3) q := fst (fst (on_request (P := P3) s q)).
Definition ggsp (s : rm3) g := fst (on_gossip (P := P3) s g).

Section Scenario.
Variables (rq : rm3 -> @req nat -> rm3) (gs : rm3 -> @gsp nat -> rm3).
(** Front end A: w at RM 1, then u1 at RM 0, then u3 at RM 2 (each after the last one's reply);
    front end B: u2 at RM 0. RM 2 hears from RM 0, then from RM 1. *)
Definition m1 := rq (rm0 1) (mkreq (0,0) 100 []).               (* w  : ts [0;1;0] *)
Definition m0a := rq (rm0 0) (mkreq (0,1) 101 [0;1;0]).         (* u1 : ts [1;1;0], waits for w *)
Definition m0 := rq m0a (mkreq (1,0) 102 []).                   (* u2 : ts [2;0;0], stable *)
Definition m2a := rq (rm0 2) (mkreq (0,2) 103 [1;1;0]).         (* u3 : ts [1;1;1], needs u1 *)
Definition m2b := gs m2a (make_gossip m0 2).
Definition m2 := gs m2b (make_gossip m1 2).
End Scenario.

(** u3 = 103 must follow u1 = 101. *)
Example naive_is_wrong : val (m2 nreq ngsp) = [102; 100; 103; 101].
Proof. reflexivity. Qed.
Example proved_is_right : val (m2 greq ggsp) = [102; 100; 101; 103].
Proof. reflexivity. Qed.
