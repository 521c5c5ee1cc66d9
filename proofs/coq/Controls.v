(** Negative controls: each clause of the protocol removed, and a run that breaks. Every run is by
    computation, beside the same run of the protocol, which holds. *)
From Coq Require Import List Arith Bool.
Import ListNotations.
From Chinwag Require Import Vec Core.

(** Three replica managers; the value is the list of the operations that ran. *)
Global Instance P3 : Params nat (list nat) :=
  {| nR := 3; nX := 0; apply := fun _ o _ _ v => v ++ [o]; also := fun _ _ _ _ v => v; v0 := [] |}.
Notation rm3 := (@rm nat (list nat)).
Notation req3 := (@req nat).
Notation gsp3 := (@gsp nat).
Notation urec3 := (@urec nat).

(** ** The protocol, as a handler does it, without what is not needed here. *)
Definition record (s : rm3) (r : urec) : rm3 := fst (settle (add_all s (count s r) [r])).
Definition request (s : rm3) (q : req3) : rm3 :=
  if known s (q_cid q) then s else if plausible s q then record s (stamp s q) else s.
Definition tell (s : rm3) (j : nat) : gsp3 := make_gossip s j (tget s j) false false.
Definition merge (s : rm3) (g : gsp3) : rm3 :=
  let (v, l) := take (g_ts g) (rts s) (g_log g) in learn (fst (settle (add_all s v l))) g.
Definition collect (s : rm3) : rm3 := match collects (needed s) s with Some t => discard s t | None => s end.
Definition hear (s : rm3) (g : gsp3) : rm3 := collect (merge s g).
Definition ask (s : rm3) (c ack : nat) (prev : vec) : rm3 := request s (mkreq (0, c) ack prev c).

(** ** Stable is not enough: of the stable records, one that none precedes must go first. *)
Fixpoint drain_as_it_comes (n : nat) (s : rm3) : rm3 :=
  match n with
  | 0 => s
  | S n' => match pick (stable (vts s)) (fun _ _ => true) (pend s) with
            | None => s
            | Some (r, p') => drain_as_it_comes n' (exec1 s r p')
            end
  end.
Section Order.
Variables (rq : rm3 -> req3 -> rm3) (gs : rm3 -> gsp3 -> rm3).
Definition o1 := rq (rm0 1) (mkreq (0,0) 0 [] 100).                          (* ts [0;1;0] *)
Definition o0 := rq (rq (rm0 0) (mkreq (0,1) 0 [0;1;0] 101)) (mkreq (1,0) 0 [] 102).  (* [1;1;0] waits,
  [2;0;0] *)
Definition o2 := rq (rm0 2) (mkreq (0,2) 0 [1;1;0] 103).                     (* builds on 101 *)
Definition o2' := gs (gs o2 (tell o0 2)) (tell o1 2).
End Order.
Definition naive_request (s : rm3) (q : req3) : rm3 :=
  let r := stamp s q in let s := add_all s (count s r) [r] in drain_as_it_comes (length (pend s)) s.
Definition naive_merge (s : rm3) (g : gsp3) : rm3 :=
  let (v, l) := take (g_ts g) (rts s) (g_log g) in
  let s := add_all s v l in drain_as_it_comes (length (pend s)) s.
Example order_kept : val (o2' request merge) = [102; 100; 101; 103].
Proof. reflexivity. Qed.
Example order_broken : val (o2' naive_request naive_merge) = [102; 100; 103; 101].
Proof. reflexivity. Qed.

(** ** Execution with another test for what may run, and another way to run it. With those of the protocol, it is
    the protocol's. *)
Fixpoint drain_by (may : rm3 -> urec3 -> bool) (run : rm3 -> urec3 -> list urec3 -> rm3) (n : nat) (s : rm3) : rm3 :=
  match n with
  | 0 => s
  | S n' => match pick (may s) before_in_rank (pend s) with
            | None => s
            | Some (r, p') => drain_by may run n' (run s r p')
            end
  end.
Definition if_stable (s : rm3) : urec3 -> bool := stable (vts s).
Lemma drain_by_the_protocol n : forall s, drain_by if_stable exec1 n s = fst (drain n s).
Proof.
  induction n as [|n IH]; intros s; [reflexivity|]. cbn. unfold if_stable.
  destruct (pick _ _ _) as [[r p]|]; [|reflexivity].
  fold if_stable. rewrite IH. now destruct (drain n (exec1 s r p)).
Qed.
Section By.
Variables (may : rm3 -> urec3 -> bool) (run : rm3 -> urec3 -> list urec3 -> rm3).
Definition takes (s : rm3) (v : vec) (l : list urec3) : rm3 :=
  let s := add_all s v l in drain_by may run (length (pend s)) s.
Definition records (s : rm3) (q : req3) : rm3 := let r := stamp s q in takes s (count s r) [r].
Definition hears (s : rm3) (g : gsp3) : rm3 := let (v, l) := take (g_ts g) (rts s) (g_log g) in takes s v l.
End By.

(** ** An update runs once, though two replica managers recorded it. *)
Definition exec1_again (s : rm3) (r : urec3) (p' : list urec3) : rm3 :=
  let s' := exec1 s r p' in
  mkrm (me s') (rts s') (vts s') (pend s') (done s') (exec s') (val s ++ [r_op r]) (fin s') (gone s') (tbl s').
Definition twice (run : rm3 -> urec3 -> list urec3 -> rm3) : rm3 :=
  hears if_stable run (records if_stable run (rm0 0) (mkreq (0, 7) 0 [] 7)) (tell (ask (rm0 1) 7 0 []) 0).
Example ran_once : val (twice exec1) = [7].
Proof. reflexivity. Qed.
Example ran_twice : val (twice exec1_again) = [7; 7].
Proof. reflexivity. Qed.

(** ** The second record is counted all the same: who was told its timestamp is answered. Else he waits for ever. *)
Definition exec1_first (s : rm3) (r : urec3) (p' : list urec3) : rm3 :=
  let s' := exec1 s r p' in
  let v := if memc (r_cid r) (map fst (exec s)) then vts s else vts s' in
  mkrm (me s') (rts s') v (pend s') (done s') (exec s') (val s') (fin s') (gone s') (tbl s').
Example second_counted : on_query (twice exec1) [0; 1; 0] = Some ([7], [1; 1; 0]).
Proof. reflexivity. Qed.
Example second_uncounted : let s := twice exec1_first in
  pend s = [] /\ rts s = [1; 1; 0] /\ on_query s [0; 1; 0] = None.
Proof. repeat split. Qed.

(** ** An update waits for its past. 0 records one that builds on what only 1 has yet. *)
Definition whenever (_ : rm3) (_ : urec3) : bool := true.
Definition past_comes (may : rm3 -> urec3 -> bool) : rm3 :=
  hears may exec1 (records may exec1 (rm0 0) (mkreq (0, 2) 0 [0; 1; 0] 2)) (tell (ask (rm0 1) 1 0 []) 0).
Example waited_for_its_past : val (past_comes if_stable) = [1; 2].
Proof. reflexivity. Qed.
Example ran_before_its_past : val (past_comes whenever) = [2; 1].
Proof. reflexivity. Qed.

(** ** What a message claims is not what it brought: the second half of a message is not lost. *)
Definition two := ask (ask (rm0 0) 1 0 []) 2 0 [].
Definition second_half : gsp3 := let g := tell two 1 in mkgsp 0 1 (tl (g_log g)) (g_ts g) true false [].
Definition believe (s : rm3) (g : gsp3) : rm3 :=
  fst (settle (add_all s (vmax 3 (rts s) (g_ts g)) (filter (fun r => get (rts s) (r_org r) <? r_seq r)
    (g_log g)))).
Example gap_filled : val (hear (hear (rm0 1) second_half) (tell two 1)) = [1; 2].
Proof. reflexivity. Qed.
Example gap_stays : val (believe (believe (rm0 1) second_half) (tell two 1)) = [2].
Proof. reflexivity. Qed.

(** ** A record leaves the log when all have it. With one of them not asked, it never gets there. *)
Definition told1 := hear (rm0 1) (tell (ask (rm0 0) 1 0 []) 1).
Definition back0 := merge (ask (rm0 0) 1 0 []) (tell told1 0).
Definition eager_collect (s : rm3) : rm3 := discard s (vmin 3 (prefix s) (tget s 1)).
Example kept_for_2 : val (hear (rm0 2) (tell (collect back0) 2)) = [1].
Proof. reflexivity. Qed.
Example lost_to_2 : val (hear (rm0 2) (tell (eager_collect back0) 2)) = [].
Proof. reflexivity. Qed.

(** ** A record leaves the log when it has run. 0 has one that waits for its past, and all others have it too. *)
Definition waiting0 := ask (rm0 0) 2 0 [0; 1; 0].
Definition all_have_it := merge (merge waiting0 (tell (merge (rm0 1) (tell waiting0 1)) 0))
  (tell (merge (rm0 2) (tell waiting0 2)) 0).
Definition discard_unrun (s : rm3) : rm3 :=
  let upto := fold_left (fun floor k => vmin 3 floor (tget s k)) (needed s) (rts s) in
  let s' := discard s upto in
  mkrm (me s') (rts s') (vts s') (filter (fun r => negb (r_seq r <=? get upto (r_org r))) (pend s')) (done s') (exec s')
    (val s') (fin s') (gone s') (tbl s').
Definition past_at_last (s : rm3) : rm3 := merge s (tell (ask (rm0 1) 1 0 []) 0).
Example unrun_kept : val (past_at_last (collect all_have_it)) = [1; 2].
Proof. reflexivity. Qed.
Example unrun_discarded : val (past_at_last (discard_unrun all_have_it)) = [1].
Proof. reflexivity. Qed.

(** ** Who starts again knows of the others what it has discarded: no more, though they may have more. If it believed
    that they have what it holds, it would discard what they have not. *)
Definition restart_with (known : rm3 -> vec) (s : rm3) : rm3 := with_tbl s (map (fun _ => known s) (seq 0 3)).
Definition again0 (known : rm3 -> vec) : rm3 := collect (restart_with known (ask (rm0 0) 1 0 [])).
Example restarted : again0 gone = restart (ask (rm0 0) 1 0 []) /\ val (hear (rm0 2) (tell (again0 gone) 2)) = [1].
Proof. split; reflexivity. Qed.
Example restarted_knowing_too_much : val (hear (rm0 2) (make_gossip (again0 rts) 2 [] false false)) = [].
Proof. reflexivity. Qed.

(** ** An identifier may be forgotten when everyone refuses it: not when its own record is discarded. *)
Definition all_heard (ack : nat) : rm3 * rm3 * rm3 :=
  let a := ask (ask (rm0 0) 1 0 []) 2 ack [1] in
  let b := merge (rm0 1) (tell a 1) in let c := merge (rm0 2) (tell a 2) in
  (merge (merge a (tell b 0)) (tell c 0), b, c).
Definition forget_discarded (s : rm3) : rm3 :=
  let s' := collect s in
  mkrm (me s') (rts s') (vts s') (pend s') (done s') [] (val s') (fin s') (gone s') (tbl s').
Definition late (s : rm3) : rm3 := ask s 1 0 [].     (* a late copy of update 1 *)
Example remembered : val (late (collect (fst (fst (all_heard 0))))) = [1; 2].
Proof. reflexivity. Qed.
Example forgotten_too_early : val (late (forget_discarded (fst (fst (all_heard 0))))) = [1; 2; 1].
Proof. reflexivity. Qed.
(** With the acknowledgement, the table shrinks and the copy is refused all the same; unless nobody
    remembers what was finished. *)
Example forgotten : let s := collect (fst (fst (all_heard 2))) in
  map fst (exec s) = [(0, 2)] /\ val (late s) = [1; 2].
Proof. split; reflexivity. Qed.
Definition unfinished (s : rm3) : rm3 :=
  mkrm (me s) (rts s) (vts s) (pend s) (done s) (exec s) (val s) [] (gone s) (tbl s).
Example not_refused : val (late (unfinished (collect (fst (fst (all_heard 2)))))) = [1; 2; 1].
Proof. reflexivity. Qed.

(** It is not enough that the front end has said that it is finished, as long as not all have heard so: 1 has not, and
    records a late copy. *)
Definition says_finished := ask (ask (rm0 0) 1 0 []) 2 2 [1].
Definition forget_acknowledged (s : rm3) : rm3 :=
  mkrm (me s) (rts s) (vts s) (pend s) (done s) (filter (fun p => negb (finished s (fst p))) (exec s)) (val s) (fin s)
    (gone s) (tbl s).
Definition copy_comes (s : rm3) : rm3 := merge s (tell (ask (rm0 1) 1 0 []) 0).
Example not_yet_forgotten : val (copy_comes (collect says_finished)) = [1; 2].
Proof. reflexivity. Qed.
Example forgotten_when_acknowledged : val (copy_comes (forget_acknowledged says_finished)) = [1; 2; 1].
Proof. reflexivity. Qed.

(** ** Only a complete message that left no gap teaches. Replica manager 2 recorded a copy of update 1
    before it heard that it is finished. It tells 0 in two halves; 0 learns from the second that 2 has all,
    forgets update 1, and runs the copy when the first half comes again. *)
Definition copy2 := merge (ask (rm0 2) 1 0 []) (make_gossip (fst (fst (all_heard 2))) 2 [] false false).
Definition late_half : gsp3 := let g := make_gossip copy2 0 [] false false in
  mkgsp 2 0 (filter (fun r => r_org r =? 0) (g_log g)) (g_ts g) true false [].
Definition learn_anyway (s : rm3) (g : gsp3) : rm3 :=
  with_tbl s (map (fun k => if k =? g_src g then vmax 3 (tget s k) (g_ts g) else tget s k) (seq 0 3)).
Definition knows1 : rm3 :=
  let '(a, b, _) := all_heard 2 in
  mkrm 0 (rts a) (vts a) (pend a) (done a) (exec a) (val a) (fin a) (gone a) [[]; rts b; []].
Definition merge_anyway (s : rm3) (g : gsp3) : rm3 :=
  let (v, l) := take (g_ts g) (rts s) (g_log g) in learn_anyway (fst (settle (add_all s v l))) g.
Example learns_late :
  val (merge (collect (merge knows1 late_half)) (make_gossip copy2 0 [] false false)) = [1; 2].
Proof. reflexivity. Qed.
Example learns_early :
  val (merge (collect (merge_anyway knows1 late_half)) (make_gossip copy2 0 [] false false)) = [1; 2; 1].
Proof. reflexivity. Qed.

(** ** A past that cannot be is refused. If it were recorded, the record would precede its own past, and wait, while the
    next one runs: whoever asks for it is answered without it. *)
Definition lie : req3 := mkreq (0, 1) 0 [5] 1.
Definition believing (s : rm3) (q : req3) : rm3 := record s (stamp s q).
Definition lied_to (rq : rm3 -> req3 -> rm3) : rm3 := rq (rq (rm0 0) lie) (mkreq (0, 2) 0 [] 2).
Example refused : let s := lied_to request in
  timestamp_of s (0, 1) = None /\ timestamp_of s (0, 2) = Some [1; 0; 0] /\ on_query s [1] = Some ([2], [1; 0; 0]).
Proof. repeat split. Qed.
Example before_its_past : let s := lied_to believing in
  timestamp_of s (0, 1) = Some [1; 0; 0] /\ on_query s [1; 0; 0] = Some ([2], [2; 0; 0]).
Proof. split; reflexivity. Qed.

(** ** A record's timestamp has its past in it. If not, whoever is told of it alone does not know of that: the record
    waits, the next one runs, and he is answered without it. *)
Definition unstamped (s : rm3) (q : req3) : urec3 :=
  mkrec (me s) (vset 3 [] (me s) (S (get (rts s) (me s)))) (q_cid q) (q_ack q) (q_prev q) (q_op q).
Definition after1 : req3 := mkreq (0, 1) 0 [0; 1; 0] 1.
Definition told_of_it (st : rm3 -> req3 -> urec3) : option vec * option (list nat * vec) :=
  let s := record (rm0 0) (st (rm0 0) after1) in let s' := record s (st s (mkreq (0, 2) 0 [] 2)) in
  (timestamp_of s' (0, 1), match timestamp_of s (0, 1) with Some t => on_query s' t | None => None end).
Example past_in_it : told_of_it stamp = (Some [1; 1; 0], None).
Proof. reflexivity. Qed.
Example past_left_out : told_of_it unstamped = (Some [1; 0; 0], Some ([2], [2; 0; 0])).
Proof. reflexivity. Qed.

(** ** A query waits for what its client has seen: its own update at 0, when it asks 1; and is answered when that has
    come. If it did not wait, its client would be answered without its own update. *)
Definition wrote : rm3 := ask (rm0 0) 1 0 [].
Definition reads (answer : rm3 -> vec -> option (list nat * vec)) (s : rm3) : option (list nat * vec) :=
  match timestamp_of wrote (0, 1) with Some t => answer s t | None => None end.
Definition answer_anyway (s : rm3) (prev : vec) := Some (val s, vts s).
Example waits : reads on_query (rm0 1) = None.
Proof. reflexivity. Qed.
Example answered : reads on_query (hear (rm0 1) (tell wrote 1)) = Some ([1], [1; 0; 0]).
Proof. reflexivity. Qed.
Example reads_too_early : val wrote = [1] /\ reads answer_anyway (rm0 1) = Some ([], []).
Proof. split; reflexivity. Qed.

(** ** Each update is counted: or the next one gets the same timestamp, and nobody takes it. *)
Definition uncounted (s : rm3) (q : req3) : rm3 := fst (settle (add_all s (rts s) [stamp s q])).
Definition two_with (rq : rm3 -> req3 -> rm3) : rm3 :=
  rq (rq (rm0 0) (mkreq (0, 1) 0 [] 1)) (mkreq (0, 2) 0 [] 2).
Definition all_of (s : rm3) : gsp3 := mkgsp 0 1 (rev (done s)) [9; 0; 0] true false [].
Example counted_taken : val (hear (rm0 1) (all_of (two_with request))) = [1; 2].
Proof. reflexivity. Qed.
Example uncounted_lost : val (two_with uncounted) = [1; 2] /\ val (hear (rm0 1) (all_of (two_with uncounted))) = [1].
Proof. split; reflexivity. Qed.
