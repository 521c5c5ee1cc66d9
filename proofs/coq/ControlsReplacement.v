(** Negative controls of replacement: each rule removed, and a run that breaks, beside the same run of the
    protocol. Replica manager 0 of three is lost; 3 comes, whose place was never used. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec Core System Replacement.

Local Instance P4 : Params nat (list nat) :=
  {| nR := 4; nX := 0; apply := fun _ o _ _ v => v ++ [o]; also := fun _ _ _ _ v => v; v0 := [] |}.
Notation rm4 := (@rm nat (list nat)).
Notation req4 := (@req nat).
Notation gsp4 := (@gsp nat).

(** ** What a handler does, when [asks] are whom it asks before it discards anything. *)
Definition request (s : rm4) (q : req4) : rm4 :=
  if known s (q_cid q) then s else let r := stamp s q in fst (settle (add_all s (count s r) [r])).
Definition tell (s : rm4) (j : nat) : gsp4 := make_gossip s j (tget s j) false false.
Definition merge (s : rm4) (g : gsp4) : rm4 :=
  let (v, l) := take (g_ts g) (rts s) (g_log g) in learn (fst (settle (add_all s v l))) g.
Definition collect (asks : list nat) (s : rm4) : rm4 :=
  discard s (fold_left (fun floor k => vmin 4 floor (tget s k)) asks (prefix s)).
Definition hear (asks : list nat) (s : rm4) (g : gsp4) : rm4 := collect asks (merge s g).
(** It records the replacement, and starts again. *)
Definition records (s : rm4) : rm4 := starts (Nat.eqb 0) (Nat.eqb 3) true s.

(** ** Update 1 is recorded by 0, and by 1, which learns that it is finished and holds it for finished (record
    2 says so). 2 says what it holds, and only then hears of 0's record. *)
Definition update1 : req4 := mkreq (0, 1) 0 [] 1.
Definition update2 : req4 := mkreq (0, 2) 2 [] 2.
Definition rm_0 := request (rm0 0) update1.
Definition rm_1 := request (request (rm0 1) update1) update2.
Definition rm_2 := merge (rm0 2) (tell rm_1 2).
Definition early : gsp4 := tell rm_2 1.
Definition rm_2' := merge rm_2 (tell rm_0 2).
(** When all have recorded it, the newcomer has its copy, and has said so to 1. *)
Definition stayed_1 := hear [2; 3] (records rm_1) (tell (fresh_copy 3 (records rm_1)) 1).
Definition late : gsp4 := tell (records rm_2') 1.

(** What was said early teaches nothing: else 1 forgets update 1, and runs it again when 0's record comes. *)
Example late_teaches : let s := hear [2; 3] stayed_1 late in map fst (exec s) = [(0, 2)] /\ val s = [1; 2].
Proof. split; reflexivity. Qed.
Example early_teaches : val (hear [2; 3] (hear [2; 3] stayed_1 early) late) = [1; 2; 1].
Proof. reflexivity. Qed.

(** The same if it does not start again when it records the replacement: its table says what it was told. *)
Definition kept_1 := hear [2; 3] (merge rm_1 early) (tell (fresh_copy 3 (merge rm_1 early)) 1).
Example table_kept : val (hear [2; 3] kept_1 late) = [1; 2; 1].
Proof. reflexivity. Qed.

(** Nobody hears the lost one any more: else update 1 runs again, when all who stay have forgotten it. *)
Definition forgot_1 := hear [2; 3] stayed_1 (tell (records rm_2) 1).
Example lost_one_unheard : val forgot_1 = [1; 2].
Proof. reflexivity. Qed.
Example lost_one_heard : val (hear [2; 3] forgot_1 (tell rm_0 1)) = [1; 2; 1].
Proof. reflexivity. Qed.

(** ** Nothing is discarded that the newcomer lacks. 2 has an update that 1 hears of later. *)
Definition update3 : req4 := mkreq (1, 0) 0 [] 3.
Definition more_2 := request rm_2 update3.
Definition newcomer := fresh_copy 3 (records rm_1).
(** 1 hears of it, and says so. *)
Definition back (one two : rm4) : rm4 := merge two (tell (merge one (tell two 1)) 2).
Definition to_newcomer (asks : list nat) (two : rm4) : list nat := val (merge newcomer (tell (collect asks
  two) 3)).
Example newcomer_asked : to_newcomer [1; 3] (back (records rm_1) (records more_2)) = [1; 2; 3].
Proof. reflexivity. Qed.
Example newcomer_not_asked : to_newcomer [1] (back (records rm_1) (records more_2)) = [1; 2].
Proof. reflexivity. Qed.

(** Nor does anyone believe that it holds anything before it has said so. *)
Definition believes (s : rm4) : rm4 := with_tbl s [[]; []; []; rts s].
Example newcomer_believed : to_newcomer [1; 3] (back (records rm_1) (believes (records more_2))) = [1; 2].
Proof. reflexivity. Qed.

(** Its copy is of one that has recorded the replacement: another one hears on, and says so to those who have
    not recorded it either, who do not ask the newcomer. *)
Definition says_0 := merge (rm0 0) (tell more_2 0).
Definition all_back := merge (back rm_1 more_2) (tell says_0 2).
Example copied_too_early : val (merge (fresh_copy 3 rm_1) (tell (records (collect [0; 1] all_back)) 3)) = [1;
  2].
Proof. reflexivity. Qed.
Example copied_in_time :
  val (merge (fresh_copy 3 (records (merge rm_1 (tell more_2 1)))) (tell (records (collect [0; 1] all_back)) 3))
    = [1; 2; 3].
Proof. reflexivity. Qed.

(** ** The newcomer has an entry of its own: under the lost one's numbers, what it records is taken for what the
    lost one recorded, and is lost. *)
Example own_entry : val (merge (records rm_2') (tell (request newcomer update3) 2)) = [1; 2; 3].
Proof. reflexivity. Qed.
Example entry_reused : val (merge (records rm_2') (tell (request (fresh_copy 0 (records rm_1)) update3) 2)) =
  [1; 2].
Proof. reflexivity. Qed.

(** ** A copy is ahead of who takes it: else he forgets what he has recorded, and gives its number once more. *)
Definition recorded_3 := request newcomer update3.
Example copied_when_behind :
  let again := request (fresh_copy 3 (records rm_1)) (mkreq (2, 0) 0 [] 4) in
  map (fun r => r_ts r) (firstn 1 (done recorded_3)) = map (fun r => r_ts r) (firstn 1 (done again)) /\
  vleb 4 (rts recorded_3) (rts (records rm_1)) = false.
Proof. vm_compute. split; reflexivity. Qed.

(** ** The theorems are not empty: from the first state of three members and a place for a fourth, they come
  to have
    recorded it, in any order. *)
Definition three : @st nat (list nat) := begin (fun k => if k =? 3 then 1 else k).
Theorem it_happens : reach three /\ fits (Nat.eqb 0) (Nat.eqb 3) three /\
  exists S, leads_to (Nat.eqb 0) (Nat.eqb 3) three S /\ may_copy (Nat.eqb 0) S /\ stays (Nat.eqb 0) (sys S) 1.
Proof.
  assert (Four : forall k, k < @nM _ _ P4 -> k = 0 \/ k = 1 \/ k = 2 \/ k = 3) by (unfold nM; simpl; lia).
  assert (St : forall i s, heir s = heir three -> i = 1 \/ i = 2 -> stays (Nat.eqb 0) s i).
  { intros i s H [->| ->]; unfold stays, member, nM; rewrite H; simpl; auto with arith. }
  split; [|split].
  - apply R_init. intros k Hk. destruct (Four k Hk) as [->|[->|[->| ->]]]; unfold nM; simpl; lia.
  - constructor.
    + intros k Hk. apply Nat.eqb_eq in Hk as <-. split; [simpl; lia|discriminate].
    + intros r [].
    + exists 3. reflexivity.
    + intros i (Hi & _ & _). unfold nM in Hi. simpl in *. lia.
  - eexists. split; [|split].
    + unfold leads_to. eapply Go_step; [eapply Go_step; [apply Go_start|]|].
      * apply (G_record _ _ _ _ _ _ 2 (tbl (starts (Nat.eqb 0) (Nat.eqb 3) true (rm0 2))));
          [apply St; auto|reflexivity|intros k _; apply vle_refl].
      * apply (G_record _ _ _ _ _ _ 1 (tbl (starts (Nat.eqb 0) (Nat.eqb 3) true (rm0 1))));
          [apply St; auto|reflexivity|intros k _; apply vle_refl].
    + intros i (Hi & Hm & Hl). destruct (Four i Hi) as [->|[->|[->| ->]]]; try reflexivity; discriminate.
    + apply St; auto.
Qed.
