(** What is assumed of runs of handlers ([undisturbed]) holds of one, so that what follows from it says something:
    replica manager 0 takes an update and says so, 1 gives a receipt; from then on their timers go off in turn. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Reachable Theorems Simulation Rest Deployed ControlsRest.

Local Existing Instance P2.
Local Notation st2 := (@st nat (list nat)).

(** The handlers' work, in this order. *)
Definition idle (i : nat) : mgr2 := mkmgr (rm0 i) [] [] 0.
Definition q : @req nat := mkreq (0, 0) 0 [] 7.
Definition a1 := now (on_update (C2 0) (idle 0) q).
Definition a2 := now (on_gossip_timer (C2 0) a1 1).
Definition g := make_gossip (core a1) 1 (tget (core a1) 1) true false.
Definition b1 := now (on_gossip (C2 1) (idle 1) g).
Definition b2 := now (on_gossip_timer (C2 1) b1 0).
Definition g' := make_gossip (core b1) 0 (tget (core b1) 0) false false.
Definition a3 := now (on_gossip (C2 0) a2 g').

(** The system's states. *)
Definition s1 : st2 := submit init 0 0 7 0 [] [] false.
Definition r : @urec nat := stamp (rms s1 0) q.
Definition ran1 := settle (add_all (rms s1 0) (count (rms s1 0) r) [r]).
Definition s2 : st2 := put (made (send s1 (MRep (0, 0) (r_ts r) [r])) r) 0 (fst ran1) (snd ran1).
Definition s3 : st2 := send s2 (MGsp g).
Definition merged (s : st2) (g : gsp2) : st2 :=
  let (v, l) := take (g_ts g) (rts (rms s (g_dst g))) (g_log g) in
  let (a, e) := settle (add_all (rms s (g_dst g)) v l) in put s (g_dst g) (learn a g) e.
Definition collected (s : st2) (i : nat) : st2 :=
  match collects (needed (rms s i)) (rms s i) with Some upto => put s i (discard (rms s i) upto) [] | None => s end.
Definition s4 : st2 := collected (merged s3 g) 1.
Definition s5 : st2 := send s4 (MGsp g').
Definition s6 : st2 := collected (merged s5 g') 0.

Definition state (t : nat) : st2 :=
  match t with 0 => init | 1 => s1 | 2 => s2 | 3 => s3 | 4 => s4 | 5 => s5 | _ => s6 end.
Definition both (t : nat) : mgr2 * mgr2 := match t with
  | 0 | 1 => (idle 0, idle 1) | 2 => (a1, idle 1) | 3 => (a2, idle 1) | 4 => (a2, b1) | 5 => (a2, b2) | _ => (a3, b2)
  end.
Definition managers (t i : nat) : mgr2 := match i with 0 => fst (both t) | 1 => snd (both t) | _ => idle i end.
Fixpoint turn (t : nat) : nat := match t with 0 => 0 | S t => 1 - turn t end.
Definition events (t : nat) : @event nat := match t with
  | 0 => FrontEnds | 1 => Handler 0 (GUpdate q) | 2 => Handler 0 (GTimer 1) | 3 => Handler 1 (GGossip g)
  | 4 => Handler 1 (GTimer 0) | 5 => Handler 0 (GGossip g') | _ => Handler (turn t) (GTimer (1 - turn t))
  end.

Lemma turns t : turn t = 0 \/ turn t = 1.
Proof. induction t as [|t [E|E]]; cbn [turn]; rewrite ?E; auto. Qed.
Lemma silent t i j : 6 <= t -> i < 2 -> j < 2 -> i <> j -> has_reason (C2 i) (managers t i) j = false.
Proof.
  intros Ht. do 6 (destruct t as [|t]; [lia|]). intros.
  destruct i as [|[|i]], j as [|[|j]]; try lia; vm_compute; reflexivity.
Qed.

Lemma settles_now (x : @rm nat (list nat)) : (forall u, In u (pend x) -> WF u) ->
  settles x (snd (settle x)) (fst (settle x)).
Proof. intros H. apply settle_settles; [exact H|apply surjective_pairing]. Qed.

Lemma well_formed : WF r.
Proof. split; [cbn; lia|split; [intros [|[|j]] Hj Hn; cbn in *; try lia; reflexivity|cbn; lia]]. Qed.

Ltac computed := vm_compute; reflexivity.
Ltac sent_gossip x nets := match goal with |- forall o, In o ?l -> _ =>
  let E := fresh in assert (E : l = [OGossip x]) by computed; rewrite E;
  intros o [<-|[]]; cbn [shown]; rewrite nets; now left end.
Ltac sent_so := intros o Ho; vm_compute in Ho; destruct Ho as [<-|Ho];
  [first [left; computed|eexists; left; computed]|destruct Ho].
(** (What is computed is rewritten, not converted in a hypothesis: the kernel would do that again, and slowly.) *)
Ltac nothing_in l := let E := fresh in assert (E : l = []) by computed; rewrite E.
Ltac sent_nothing := match goal with |- forall o, In o ?l -> _ => nothing_in l; intros o [] end.
Ltac simulated H nets := constructor; [exact H|computed|intros [|[|k]] Hk; (congruence || computed)|computed|
  computed|computed|rewrite nets; first [apply incl_tl, incl_refl|apply incl_refl]|
  first [solve [sent_nothing]|solve [sent_gossip g nets]|
    solve [sent_gossip g' nets]|solve [sent_so]]|
  unfold asked; match goal with |- forall c p, In (c, p) ?l -> _ => nothing_in l; intros c p [] end].
Lemma net2 : net (state 2) = MRep (0, 0) (r_ts r) [r] :: net (state 1). Proof. computed. Qed.
Lemma net3 : net (state 3) = MGsp g :: net (state 2). Proof. computed. Qed.
Lemma net4 : net (state 4) = net (state 3). Proof. computed. Qed.
Lemma net5 : net (state 5) = MGsp g' :: net (state 4). Proof. computed. Qed.
Lemma net6 t : net (state (S (S (S (S (S (S t))))))) = net (state 5). Proof. computed. Qed.


Lemma accepts : steps s1 s2.
Proof.
  apply one_step, (S_accept s1 0 q (fst ran1) (snd ran1)); try reflexivity.
  - cbn; lia.
  - left. reflexivity.
  - apply settles_now. intros u Hu. assert (E : u = r) by (vm_compute in Hu; destruct Hu as [<-|[]]; computed).
    rewrite E. exact well_formed.
Qed.
Lemma hears_it (s : st2) (h : gsp2) : In (MGsp h) (net s) -> g_dst h < 2 ->
  (forall u, In u (pend (add_all (rms s (g_dst h)) (fst (take (g_ts h) (rts (rms s (g_dst h))) (g_log h)))
    (snd (take (g_ts h) (rts (rms s (g_dst h))) (g_log h))))) -> WF u) -> step s (merged s h).
Proof.
  intros H _ Hw. unfold merged. destruct (take _ _ _) as [v l] eqn:T. cbn [fst snd] in Hw.
  pose proof (settles_now _ Hw) as X. destruct (settle _) as [a e]. exact (S_recv s h v l e a H T X).
Qed.
Lemma collects_it (s : st2) i : i < 2 -> steps s (collected s i).
Proof.
  intros Hi. unfold collected, collects. destruct (vleb _ _ _); [constructor|]. apply one_step, S_discard.
  - exact Hi.
  - apply floor_le.
  - intros k Hk _. now apply floor_le.
Qed.
Lemma hears_and_collects (s : st2) (h : gsp2) i : i < 2 -> step s (merged s h) -> steps s (collected (merged s h) i).
Proof. intros Hi H. eapply St_step; [exact H|now apply collects_it]. Qed.
Lemma first_heard : steps s3 s4.
Proof.
  apply hears_and_collects; [lia|]. apply hears_it; [left; computed|cbn; lia|].
  intros u Hu. assert (E : u = r) by (vm_compute in Hu; destruct Hu as [<-|[]]; computed).
    rewrite E. exact well_formed.
Qed.
Lemma second_heard : steps s5 s6.
Proof. apply hears_and_collects; [lia|]. apply hears_it; [left; computed|cbn; lia|].
  intros u Hu. vm_compute in Hu. destruct Hu. Qed.
Lemma first_said : steps s2 s3.
Proof. apply one_step, (S_send s2 0 1 (tget (core a1) 1) true false); cbn; lia. Qed.
Lemma second_said : steps s4 s5.
Proof. apply one_step, (S_send s4 1 0 (tget (core b1) 0) false false); cbn; lia. Qed.

(** From then on, only timers go off, and nothing is said. *)
Lemma later t : occurs C2 state managers events (6 + t).
Proof.
  set (n := 6 + t). assert (L : turn n < 2) by (destruct (turns n); lia).
  assert (E : on_gossip_timer (C2 (turn n)) (managers n (turn n)) (1 - turn n) = start (managers n (turn n))).
  { unfold on_gossip_timer. rewrite silent; auto; unfold n in *; destruct (turns (6 + t)); lia. }
  assert (Ev : events n = Handler (turn n) (GTimer (1 - turn n))) by reflexivity.
  assert (Em : managers (S n) = managers n) by reflexivity.
  assert (Es : state (S n) = state n) by reflexivity.
  assert (A : rms (state n) (turn n) = core (managers n (turn n)) /\ asked (state n) (managers n (turn n))).
  { assert (B : forall k, k = 0 \/ k = 1 -> rms (state n) k = core (managers n k) /\ asked (state n) (managers n k)).
    { intros k [->| ->]; (split; [computed|intros c p Hq; vm_compute in Hq; destruct Hq]). }
    apply B, turns. }
  clearbody n. unfold occurs. rewrite Ev, Em, Es. cbn [handle]. rewrite E. destruct A as [A1 A2].
  splits; auto; [discriminate|]. apply sim_start; [constructor|exact A1|exact A2].
Qed.

Lemma at0 : occurs C2 state managers events 0.
Proof.
  split; [exact (S_submit init 0 0 7 0 (Nat.le_refl 0))|split; [reflexivity|intros [|[|k]]; reflexivity]].
Qed.
Lemma at1 : occurs C2 state managers events 1.
Proof.
  unfold occurs. cbn [events].
  splits; [cbn; lia|discriminate|simulated accepts net2|computed|intros [|[|k]] Hk; (congruence || computed)].
Qed.
Lemma at2 : occurs C2 state managers events 2.
Proof.
  unfold occurs. cbn [events].
  splits; [cbn; lia|discriminate|simulated first_said net3|computed|intros [|[|k]] Hk; (congruence || computed)].
Qed.
Lemma at3 : occurs C2 state managers events 3.
Proof.
  unfold occurs. cbn [events].
  splits; [cbn; lia|intros h E; inversion E; subst; split; [left; computed|computed]|simulated first_heard net4|
      computed|intros [|[|k]] Hk; (congruence || computed)].
Qed.
Lemma at4 : occurs C2 state managers events 4.
Proof.
  unfold occurs. cbn [events].
  splits; [cbn; lia|discriminate|simulated second_said net5|computed|intros [|[|k]] Hk; (congruence || computed)].
Qed.
Lemma at5 : occurs C2 state managers events 5.
Proof.
  unfold occurs. cbn [events].
  splits; [cbn; lia|intros h E; inversion E; subst; split; [left; computed|computed]|simulated second_heard net6|
      computed|intros [|[|k]] Hk; (congruence || computed)].
Qed.
Lemma so_it_goes t : occurs C2 state managers events t.
Proof.
  do 6 (destruct t as [|t]; [first [exact at0|exact at1|exact at2|exact at3|exact at4|exact at5]|]). apply later.
Qed.

Theorem such_a_run : undisturbed C2 state managers events 2.
Proof.
  constructor.
  - split; [apply reach_init|]. intros [|[|i]] Hi; computed.
  - intros [|[|i]] Hi; [split; [intros c p []|computed]..|]. unfold nM in Hi. simpl in Hi. lia.
  - exact so_it_goes.
  - reflexivity.
  - reflexivity.
  - intros t. do 6 (destruct t as [|t]; [computed|]). computed.
  - intros [|[|i]] [|[|j]] Hi Hj Hn; unfold nM in *; simpl in *; try lia; auto.
  - intros t Ht. do 2 (destruct t as [|t]; [lia|]). do 4 (destruct t as [|t]; [computed|]). computed.
  - intros i j u Hi Hj Hn. unfold nM in *. cbn in Hi, Hj.
    assert (X : turn (6 + u) = i \/ turn (7 + u) = i).
    { change (turn (7 + u)) with (1 - turn (6 + u)). destruct (turns (6 + u)) as [E|E]; rewrite E; simpl; lia. }
    destruct X as [E|E]; [exists (6 + u)|exists (7 + u)]; (split; [lia|]).
    + change (events (6 + u)) with (@Handler nat (turn (6 + u)) (GTimer (1 - turn (6 + u)))).
      rewrite E. do 2 f_equal; lia.
    + change (events (7 + u)) with (@Handler nat (turn (7 + u)) (GTimer (1 - turn (7 + u)))).
      rewrite E. do 2 f_equal; lia.
  - intros K i j Hi Hj Hn H u. unfold nM in *. cbn in Hi, Hj.
    destruct (H (6 + u)) as (t & Hu & [Hk|[_ Hs]]); [exists t; split; [lia|auto]|].
    rewrite silent in Hs by lia. discriminate.
Qed.
