(** What is assumed in [Claim] holds of something, so that what follows from it says something: of a world in which an
    update was executed by two managers, gossip and a receipt arrived, both logs were discarded,
    and a client read what
    it had written at the other manager; and of a fair run that begins so. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers ControlsRest Witness Claim.

Local Existing Instance P2.
Local Notation world2 := (@world nat (list nat)).

(** Front end 0 issues [q]; 0 takes it, and tells 1; the client asks 1; 1 gives a receipt. *)
Definition w1 : world2 := mkworld (at_ empty) (history empty) [q] [] [].
Definition w2 := after (C2 0) w1 0 (Update q).
Definition w3 := after (C2 0) w2 0 (Timer 1).
Definition w4 := after (C2 1) w3 1 (Gossip g).
Definition w5 : world2 := mkworld (at_ w4) (history w4) (issued w4) (((0, 1), [1; 0]) :: asked w4) (told w4).
Definition w6 := after (C2 1) w5 1 (Query (0, 1) [1; 0]).
Definition w7 := after (C2 1) w6 1 (Timer 0).
Definition w8 := after (C2 0) w7 0 (Gossip g').
(** From then on, only timers go off, in turn, and nothing is said. *)
Fixpoint from8 (n : nat) : world2 := match n with
  | 0 => w8
  | S n => after (C2 (turn n)) (from8 n) (turn n) (Timer (1 - turn n))
  end.
Definition run (t : nat) : world2 := match t with
  | 0 => empty | 1 => w1 | 2 => w2 | 3 => w3 | 4 => w4 | 5 => w5 | 6 => w6 | 7 => w7
  | S (S (S (S (S (S (S (S n))))))) => from8 n
  end.

Ltac two := unfold nM; cbn -[Nat.sub]; lia.
Lemma all_proper i : i < 2 -> proper (C2 i).
Proof. intros Hi. split; [|reflexivity]. intros j [<-|[]]. two. Qed.
Lemma a_part (x : @gsp nat) : part x x.
Proof. repeat split; auto. intros r H. exact H. Qed.

Lemma told3 : told w3 = [OGossip g; OReply (0, 0) [1; 0]]. Proof. computed. Qed.
Lemma told7 : told w7 = [OGossip g'; OAnswer (0, 1) [7] [1; 0]; OGossip g; OReply (0, 0) [1; 0]]. Proof. computed.
Qed.
Lemma told8 : told w8 = told w7. Proof. computed. Qed.
Lemma at3 : happens w2 w3.
Proof. unfold w3. apply handles; [two|apply all_proper; lia|cbn [arrives]; two]. Qed.
Lemma at4 : happens w3 w4.
Proof.
  unfold w4. apply handles; [two|apply all_proper; lia|]. cbn [arrives]. rewrite told3. split; [computed|].
  exists g. split; [now left|apply a_part].
Qed.
Lemma at6 : happens w5 w6.
Proof. unfold w6. apply handles; [two|apply all_proper; lia|now left]. Qed.
Lemma at7 : happens w6 w7.
Proof. unfold w7. apply handles; [two|apply all_proper; lia|cbn [arrives]; two]. Qed.
Lemma at8 : happens w7 w8.
Proof.
  unfold w8. apply handles; [two|apply all_proper; lia|]. cbn [arrives]. rewrite told7. split; [computed|].
  exists g'. split; [now left|apply a_part].
Qed.
Lemma so_far t : t < 8 -> happens (run t) (run (S t)).
Proof.
  intros Ht. destruct t as [|[|[|[|[|[|[|[|t]]]]]]]]; [clear Ht; cbn [run from8]..|lia].
  - exact (issues empty q (fun q' (H : In q' []) => match H with end)).
  - unfold w2. apply handles; [two|apply all_proper; lia|now left].
  - exact at3.
  - exact at4.
  - exact (asks w4 (0, 1) [1; 0]).
  - exact at6.
  - exact at7.
  - exact at8.
Qed.

Lemma small_turn n : turn n < 2.
Proof. destruct (turns n); lia. Qed.
Lemma on_and_on n : happens (from8 n) (from8 (S n)).
Proof.
  cbn [from8]. pose proof (small_turn n). apply handles; [two|now apply all_proper|].
  cbn [arrives]. two.
Qed.
Lemma it_goes t : happens (run t) (run (S t)).
Proof.
  destruct (le_lt_dec 8 t) as [H|H]; [|now apply so_far]. do 8 (destruct t as [|t]; [lia|]). apply on_and_on.
Qed.

(** Nothing changes any more. *)
Lemma still n : let w := from8 n in at_ w 0 = at_ w8 0 /\ at_ w 1 = at_ w8 1 /\ history w 0 = history w8 0 /\
  history w 1 = history w8 1 /\ issued w = [q].
Proof.
  induction n as [|n (A0 & A1 & H0 & H1 & I)]; [repeat split|].
  assert (E0 : on_gossip_timer (C2 0) (at_ w8 0) 1 = start (at_ w8 0)) by (vm_compute; reflexivity).
  assert (E1 : on_gossip_timer (C2 1) (at_ w8 1) 0 = start (at_ w8 1)) by (vm_compute; reflexivity).
  cbn [from8]. set (w := from8 n) in *. clearbody w. destruct (turns n) as [-> | ->]; cbn [Nat.sub];
    unfold after; cbn [at_ history issued Nat.eqb handle]; rewrite ?A0, ?A1, ?E0, ?E1; cbn [start now ran];
    rewrite ?app_nil_r; auto.
Qed.
Lemma silent_now n : sent (on_gossip_timer (C2 (turn n)) (at_ (from8 n) (turn n)) (1 - turn n)) = [].
Proof.
  destruct (still n) as (A0 & A1 & _).
  destruct (turns n) as [-> | ->]; [rewrite A0|rewrite A1]; vm_compute; reflexivity.
Qed.

Lemma up_to t : possible (run t).
Proof. induction t as [|t IH]; [apply begins_so|]. eapply goes_on_so; [exact IH|apply it_goes]. Qed.

(** A client that wrote at 0, was told so, and asked 1. *)
Definition its_write : @deed nat (list nat) := Hears (0, 0) [1; 0].
Definition its_read : @deed nat (list nat) := Reads (0, 1) [1; 0] [7] [1; 0].
Theorem such_a_world : possible w8 /\ history w8 0 = [r] /\ history w8 1 = [r] /\
  (forall i, i < 2 -> pend (core (at_ w8 i)) ++ done (core (at_ w8 i)) = []) /\
  takes_place w8 its_write /\ takes_place w8 its_read /\ claims its_read its_write /\ shows w8 its_write r.
Proof.
  assert (A : asked w8 = [((0, 1), [1; 0])]) by computed.
  assert (H0 : history w8 0 = [r]) by computed. assert (H1 : history w8 1 = [r]) by computed.
  assert (Lg : forall i, i < 2 -> pend (core (at_ w8 i)) ++ done (core (at_ w8 i)) = []).
  { intros [|[|i]] Hi; [computed..|lia]. }
  assert (W : forall u : vec, within u u) by (intros u k _; lia).
  unfold takes_place, its_write, its_read, claims, shows. rewrite A, told8, told7.
  split; [exact (up_to 8)|]. split; [exact H0|]. split; [exact H1|]. split; [exact Lg|].
  split; [right; right; right; now left|]. split; [|split; [apply W|]].
  - split; [right; now left|]. intros p [E|[]]. now inversion E.
  - split; [|split; [computed|replace (r_ts r) with [1; 0] by computed; apply W]].
    exists 0. split; [two|]. left. rewrite H0. now left.
Qed.

Theorem such_a_run_of_worlds : goes_on run /\ fair run /\ (forall t, honest (run t)) /\ somewhere (run 8) r /\
  forall t x, 8 <= t -> somewhere (run t) x -> somewhere (run 8) x.
Proof.
  assert (Q : forall t q', In q' (issued (run t)) -> q' = q).
  { intros t q' H. destruct (le_lt_dec 8 t) as [Ht|Ht].
    - do 8 (destruct t as [|t]; [lia|]). cbn [run] in H. destruct (still t) as (_ & _ & _ & _ & I). rewrite I in H.
      destruct H as [H|[]]; auto.
    - do 8 (destruct t as [|t]; [cbn in H; intuition|]). lia. }
  split; [split; [apply begins_so|intros t; left; apply it_goes]|split; [|split; [|split]]].
  - intros i j t Hi Hj Hn. unfold nM in Hj. cbn in Hi, Hj.
    assert (N : exists n, t <= 8 + n /\ turn n = i).
    { destruct (turns t) as [E|E].
      - destruct i as [|[|i]]; [exists t; split; [lia|auto]|exists (S t); split; [lia|cbn [turn]; now rewrite E]|lia].
      - destruct i as [|[|i]]; [exists (S t); split; [lia|cbn [turn]; now rewrite E]|exists t; split;
        [lia|auto]|lia]. }
    destruct N as (n & Ht & En). exists (8 + n), (C2 i). split; [exact Ht|]. split; [now apply all_proper|].
    assert (Ej : j = 1 - turn n) by lia. split; [left; cbn -[Nat.sub]; lia|].
    split; [cbn [Nat.add run from8]; now rewrite Ej, En|].
    left. cbn [Nat.add run]. rewrite Ej. rewrite <- En at 1 2. apply silent_now.
  - intros t q' k Hq _. apply Q in Hq as ->. left. now destruct k.
  - exists 0. split; [two|]. left. cbn [run from8]. replace (history w8 0) with [r] by computed. now left.
  - intros t x Ht (i & Hi & Hx). do 8 (destruct t as [|t]; [lia|]). cbn [run] in *. exists i. split; auto.
    destruct (still t) as (A0 & A1 & H0 & H1 & _). unfold nM in Hi. cbn in Hi. unfold has in *. cbn [from8].
    destruct i as [|[|i]]; [now rewrite A0, H0 in Hx|now rewrite A1, H1 in Hx|lia].
Qed.
