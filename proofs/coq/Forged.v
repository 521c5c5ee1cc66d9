(** Negative controls of the checker of [Trace]: without a check, a trace is accepted that is no run. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Trace Controls.

Definition C3 : cfg := mkcfg [] 0 false false 9 9 0 [] [].
Definition accepts (l : list event) : bool := match check Nat.eqb t0 l with Some _ => true | None => false end.

(** Replica manager 1 hears of an update that nobody made. *)
Definition r7 : @urec nat := mkrec 0 [1] (0, 0) 0 [] 7.
Definition g7 : gsp3 := mkgsp 0 1 [r7] [1] true false [].
Definition event3 := @event nat (list nat).
Definition forged : event3 := mkevent 1 C3 (IGossip g7) [] [CLog [1] [r7]] [1] [1] [].

(** [check1] without looking whether the gossip was sent. *)
Definition believes (e : event3) : bool :=
  match e_in e with
  | IGossip g => matches Nat.eqb e (on_gossip (e_cfg e) (fresh (e_at e)) g)
  | _ => false
  end.
Example forged_refused : accepts [forged] = false.
Proof. reflexivity. Qed.
Example forged_believed : believes forged = true.
Proof. reflexivity. Qed.

(** What it tells of never is: one holds a record of another one who has made none. *)
Theorem forged_is_no_run (s : @st nat (list nat)) : reach s ->
  ~ (same_ts (rts (rms s 1)) (e_rts forged) = true /\ rts (rms s 0) = rts (core (fresh 0))).
Proof.
  intros R [H E]. unfold same_ts in H. apply andb_true_iff in H as [_ H]. apply vleb_spec in H.
  assert (L : 1 < @nM nat (list nat) P3) by (unfold nM; simpl; lia).
  assert (Z : 0 < @nR nat (list nat) P3) by (simpl; lia).
  pose proof (I_rts _ (reach_inv s R) 1 L 0 Z) as B. unfold top in B. rewrite E in B.
  specialize (H 0 Z). cbn in H, B. apply (Nat.nle_succ_0 0). exact (Nat.le_trans _ _ _ H B).
Qed.

(** A whole trace: an update is taken, gossiped and heard. *)
Definition q7 : req3 := mkreq (0, 0) 0 [] 7.
Definition sends : event3 :=
  mkevent 0 C3 (IUpdate q7) [OReply (0, 0) [1]] [CLog [1] [r7]] [1] [1] [].
Definition C0 : cfg := mkcfg [1] 0 false false 9 9 0 [] [].
Definition whole : list event3 :=
  [ mkevent 0 C0 (ISubmit q7) [] [] [] [] [];
    sends;
    mkevent 0 C0 (ITimer 1) [OGossip (mkgsp 0 1 [r7] [1] true true [])] [] [1] [1] [];
    mkevent 1 C3 (IGossip (mkgsp 0 1 [r7] [1] true true [])) [] [CLog [1] [r7]] [1] [1] [];
    mkevent 1 C3 IStart [] [] [1] [1] [];
    mkevent 1 C3 (IQuery (0, 1) [1]) [OAnswer (0, 1) [] [1]] [] [1] [1] [] ].
Definition without {A} (n : nat) (l : list A) : list A := firstn n l ++ skipn (S n) l.
Example whole_accepted : accepts whole = true.
Proof. reflexivity. Qed.
(** Each of the first four is needed. *)
Example dropped_refused : map (fun n => accepts (without n whole)) [0; 1; 2; 3] = [false; false; false; false].
Proof. reflexivity. Qed.
