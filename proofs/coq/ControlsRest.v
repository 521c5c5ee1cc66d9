(** Negative controls of rest, of fragments and of who takes updates, with two replica managers and the handlers as they are. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Theorems Fragments Progress Simulation Rest.

Local Instance P2 : Params nat (list nat) :=
  {| nR := 2; nX := 0; apply := fun _ o _ _ v => v ++ [o]; also := fun _ _ _ _ v => v; v0 := [] |}.
Notation mgr2 := (@mgr nat (list nat)).
Notation gsp2 := (@gsp nat).
Definition C2 (me : nat) : cfg := mkcfg [1 - me] 0 false false 9 9 0 [] [].

Definition first (i : nat) : mgr2 := on_start (C2 i) (rm0 i).
Definition gossips (l : list (@out nat (list nat))) : list gsp2 :=
  flat_map (fun o => match o with OGossip g => [g] | _ => [] end) l.
(** [i]'s timer goes off; the other one, [m], hears what it says, after [change]. *)
Definition says (i : nat) (m : mgr2) : mgr2 * list gsp2 :=
  let w := on_gossip_timer (C2 i) m (1 - i) in (now w, gossips (sent w)).
Definition hears (change : gsp2 -> gsp2) (i : nat) (m : mgr2) (l : list gsp2) : mgr2 :=
  fold_left (fun m g => now (on_gossip (C2 i) m (change g))) l m.

(** 0 takes an update and says so, 1 gives a receipt: then nobody says anything more. *)
Definition took := now (on_update (C2 0) (first 0) (mkreq (0, 0) 0 [] 7)).
Definition exchange_with (change : gsp2 -> gsp2) : mgr2 * mgr2 :=
  let (a, l) := says 0 took in let (b, r) := says 1 (hears change 1 (first 1) l) in (hears change 0 a r, b).
Definition speaks (x : mgr2 * mgr2) : list nat := [length (snd (says 0 (fst x))); length (snd (says 1 (snd
  x)))].
Definition logs (x : mgr2 * mgr2) : list nat :=
  map (fun m => length (pend (core m) ++ done (core m))) [fst x; snd x].
Example falls_silent : speaks (exchange_with (fun g => g)) = [0; 0] /\ logs (exchange_with (fun g => g)) =
  [0; 0].
Proof. split; reflexivity. Qed.
(** A round: 0's timer goes off, 1 hears what it says; then the other way round. If a round changes nothing, all
    rounds after it are the same. *)
Definition round (change : gsp2 -> gsp2) (x : mgr2 * mgr2) : mgr2 * mgr2 :=
  let (a, l) := says 0 (fst x) in
  let (b, r) := says 1 (hears change 1 (snd x) l) in (hears change 0 a r, b).
Lemma for_ever {A} (f : A -> A) x n : f x = x -> Nat.iter n f x = x.
Proof. intros E. induction n as [|n IH]; [reflexivity|]. simpl. now rewrite IH. Qed.
(** If receipts asked for receipts, there would be one to give after each, for ever. *)
Definition asking (g : gsp2) : gsp2 := mkgsp (g_src g) (g_dst g) (g_log g) (g_ts g) (g_comp g) true (g_tbl g).
Theorem echoes n : speaks (Nat.iter n (round asking) (exchange_with asking)) = [1; 0].
Proof. rewrite for_ever; vm_compute; reflexivity. Qed.
(** If none were asked for, 0 would never know, say it all again and again, and keep its log. *)
Definition not_asking (g : gsp2) : gsp2 := mkgsp (g_src g) (g_dst g) (g_log g) (g_ts g) (g_comp g) false
  (g_tbl g).
Theorem never_told n : let x := Nat.iter n (round not_asking) (exchange_with not_asking) in
  speaks x = [1; 0] /\ logs x = [1; 0].
Proof. cbv zeta. rewrite for_ever; [split|]; vm_compute; reflexivity. Qed.

(** If nobody looked for what may be discarded when he learns, or for who waits when records come: the log stays,
    and the query waits on, however often the same message comes. *)
Definition hears_only (m : mgr2) (g : gsp2) : mgr2 :=
  let (v, l) := take (g_ts g) (rts (core m)) (g_log g) in
  mkmgr (learn (fst (commit (core m) (CLog v l))) g) (waiting m) (owed m) (unsent m).
Definition asked1 := now (on_query_message (C2 1) (first 1) (0, 1) [1]).
Example collected_answered : let m := hears (fun g => g) 1 asked1 (snd (says 0 took)) in
  waiting m = [] /\ length (done (core m)) = 0.
Proof. split; reflexivity. Qed.
Definition hears_it_only (m : mgr2) : mgr2 := fold_left hears_only (snd (says 0 took)) m.
Theorem kept_and_waiting n : let m := Nat.iter n hears_it_only (hears_it_only asked1) in
  length (waiting m) = 1 /\ length (done (core m)) = 1.
Proof. cbv zeta. rewrite for_ever; [split|]; vm_compute; reflexivity. Qed.

(** ** Fragments *)
Definition took2 := now (on_update (C2 0) took (mkreq (0, 1) 0 [] 8)).
Definition pieces : list gsp2 := fragments [1] (make_gossip (core took2) 1 [] true false).
Definition brought (l : list gsp2) : list nat * nat :=
  let m := hears (fun g => g) 1 (first 1) l in (val (core m), get (tget (core m) 0) 0).
Example all_pieces : map (fun g => length (g_log g)) pieces = [1; 1] /\ brought pieces = ([7; 8], 2).
Proof. split; reflexivity. Qed.
(** In another order they bring less, and teach nothing; what a piece does not claim is not taken. *)
Example out_of_order : brought (rev pieces) = ([7], 0).
Proof. reflexivity. Qed.
Definition claiming_nothing (g : gsp2) : gsp2 :=
  if g_comp g then g else mkgsp (g_src g) (g_dst g) (g_log g) [] (g_comp g) (g_asks g) (g_tbl g).
Example unclaimed : brought (map claiming_nothing pieces) = ([], 0).
Proof. reflexivity. Qed.

(** ** A read-only manager refuses updates: it has no entry to count them in, and nobody would hear of one. *)
Local Instance P21 : Params nat (list nat) :=
  {| nR := 2; nX := 1; apply := fun _ o _ _ v => v ++ [o]; also := fun _ _ _ _ v => v; v0 := [] |}.
Definition C21 : cfg := mkcfg [] 0 false false 9 9 0 [] [].
Definition q21 : @req nat := mkreq (0, 0) 0 [] 7.
Definition fresh (i : nat) : @mgr nat (list nat) := on_start C21 (rm0 i).
Example refused_by_reader : sent (on_update C21 (fresh 2) q21) = [ORefuse (0, 0) ReadOnly].
Proof. reflexivity. Qed.
(** What [i] has when it does not refuse, and 0 when [i] told it. *)
Definition taken_by (i : nat) : list nat * list nat :=
  let m := core (now (record C21 q21 (start (fresh i)))) in
  (val m, val (core (now (on_gossip C21 (fresh 0) (make_gossip m 0 [] true false))))).
Example taken_by_other : taken_by 1 = ([7], [7]).
Proof. reflexivity. Qed.
Example taken_by_reader : taken_by 2 = ([7], []).
Proof. reflexivity. Qed.
