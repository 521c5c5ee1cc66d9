(** What [in_the_end], [recording] and [liveness] assume holds of runs in which something happens: with a read-only
    manager; and with a member that was replaced, when it and another one held something. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec Core Local System Invariant Preserve Replaced Reachable Theorems Progress
Replacement FairEnd.

Section Moves.
Context {P : Params nat (list nat)}.
Notation st := (@st nat (list nat)).
Notation gsp := (@gsp nat).

(** Front end [f] sends its [n]th request; [i] takes it; [i] tells [j] all it may lack; [i] discards what it may. *)
Definition sends (s : st) (f n op : nat) : st := submit s f n op 0 (fts (fes s f)) (fdep (fes s f)) false.
Definition request (f n op : nat) : @req nat := mkreq (f, n) 0 [] op.
Definition takes (s : st) (i : nat) (q : @req nat) : st :=
  let x := rms s i in let r := stamp x q in let ran := settle (add_all x (count x r) [r]) in
  put (made (send s (MRep (q_cid q) (r_ts r) [r])) r) i (fst ran) (snd ran).
Definition news (s : st) (i j : nat) : gsp := make_gossip (rms s i) j (tget (rms s i) j) false false.
Definition hears (s : st) (g : gsp) : st :=
  let got := take (g_ts g) (rts (rms s (g_dst g))) (g_log g) in
  let ran := settle (add_all (rms s (g_dst g)) (fst got) (snd got)) in put s (g_dst g) (learn (fst ran) g) (snd ran).
Definition tells (s : st) (i j : nat) : st := hears (send s (MGsp (news s i j))) (news s i j).

Lemma sends_calm s f n op : fcnt (fes s f) <= n -> calm s (sends s f n op).
Proof. intros H. eapply calm_step; [exact (S_submit s f n op 0 H)|reflexivity|apply calm_refl]. Qed.
Lemma takes_calm s i q : reach s -> i < nR -> member s i -> In (MReq q) (net s) -> known (rms s i) (q_cid q) = false
->
  plausible (rms s i) q = true -> calm s (takes s i q).
Proof.
  intros R Hi Hm Hq K Pl. pose proof (reach_inv s R) as I.
  set (ran := settle (add_all (rms s i) (count (rms s i) (stamp (rms s i) q)) [stamp (rms s i) q])).
  eapply calm_step; [apply (S_accept s i q (fst ran) (snd ran) Hi Hm Hq K Pl)|reflexivity|apply calm_refl].
  apply settle_settles; [|apply surjective_pairing]. cbn [pend add_all]. intros r Hr.
  apply in_app_or in Hr as [Hr|[<-|[]]].
  - apply (I_wf _ I), (L_corr _ _ _ _ (I_loc _ I i (nR_nM _ Hi))), in_or_app. now right.
  - assert (Me : me (rms s i) = i) by apply (L_me _ _ _ _ (I_loc _ I i (nR_nM _ Hi))).
    unfold plausible in Pl. apply Nat.leb_le in Pl. rewrite Me in Pl. unfold WF, r_seq, stamp.
    cbn [r_org r_ts r_prev]. rewrite Me. split; auto. split.
    + intros j Hj Hn. now rewrite get_vset_neq.
    + rewrite get_vset_eq by assumption. lia.
Qed.
Lemma tells_calm s i j : reach s -> i < nM -> j < nM -> calm s (tells s i j).
Proof.
  intros R Hi Hj. unfold tells. set (g := news s i j). set (s' := send s (MGsp g)).
  assert (St : step s s') by now apply S_send. assert (R' : reach s') by (eapply R_step; eauto).
  eapply calm_step; [exact St|reflexivity|]. apply (calm_step s' (hears s' g)); [|reflexivity|apply calm_refl].
  pose proof (reach_inv s' R') as I. assert (Hg : In (MGsp g) (net s')) by now left.
  apply (S_recv s' g (fst (take (g_ts g) (rts (rms s' (g_dst g))) (g_log g))) (snd (take (g_ts g) (rts (rms s'
  (g_dst g))) (g_log g))));
    [exact Hg|apply surjective_pairing|].
  apply settle_settles; [|apply surjective_pairing]. cbn [pend add_all]. intros r Hr.
  destruct (I_net _ I _ Hg) as (_ & _ & Inc & _). apply in_app_or in Hr as [Hr|Hr].
  - apply (I_wf _ I), (L_corr _ _ _ _ (I_loc _ I j Hj)), in_or_app. now right.
  - apply (I_wf _ I), Inc.
    destruct (take (g_ts g) (rts (rms s' (g_dst g))) (g_log g)) as [v l] eqn:T.
    apply take_grows in T as [_ T]; [now apply T|]. intros x Hx. now apply (I_wf _ I), Inc.
Qed.
Lemma calm_on s s' : calm s s' -> reach s -> reach s'.
Proof. intros C R. now apply (calm_reach s s' C R). Qed.
End Moves.

Ltac computed := vm_compute; reflexivity.
(** What is compared is computed. *)
Ltac covered := apply vleb_spec; computed.

(** ** One manager that takes updates, and a read-only one *)
Section Reader.
Local Instance P11 : Params nat (list nat) :=
  {| nR := 1; nX := 1; apply := fun _ o _ _ v => v ++ [o]; also := fun _ _ _ _ v => v; v0 := [] |}.
Definition r1 : @st nat (list nat) := sends init 0 0 7.
Definition r2 := takes r1 0 (request 0 0 7).
Definition r3 := tells r2 0 1.
Definition r4 := tells r3 1 0.
Definition reader_run (t : nat) : @st nat (list nat) := match t with 0 => init | 1 => r1 | 2 => r2 | 3 => r3 | _ =>
r4 end.

Lemma reader_goes : calm init r1 /\ calm r1 r2 /\ calm r2 r3 /\ calm r3 r4.
Proof.
  pose proof (@reach_init nat (list nat) P11) as R0.
  assert (C1 : calm init r1) by (apply sends_calm; cbn; lia). pose proof (calm_on _ _ C1 R0) as R1.
  assert (C2 : calm r1 r2).
  { apply takes_calm; [assumption|cbn; lia|reflexivity|now left|computed|computed].
    } pose proof (calm_on _ _ C2 R1) as R2.
  assert (C3 : calm r2 r3) by (apply tells_calm; [assumption|unfold nM; cbn; lia..]).
  pose proof (calm_on _ _ C3 R2) as R3.
  assert (C4 : calm r3 r4) by (apply tells_calm; [assumption|unfold nM; cbn; lia..]). auto.
Qed.

Theorem such_a_run_with_a_reader :
  reach (reader_run 0) /\ (forall t, calm (reader_run t) (reader_run (S t))) /\ fair reader_run /\
  (forall t, 4 <= t -> acc (reader_run t) = acc (reader_run 4)) /\ FairEnd.told reader_run /\ remember reader_run 4 /\
  (forall k, k < nM -> member (reader_run 0) k) /\ (forall t, lied (reader_run t) = false) /\
  val (rms (reader_run 4) 1) = [7].
Proof.
  destruct reader_goes as (C1 & C2 & C3 & C4).
  assert (Last : forall t, 4 <= t -> reader_run t = r4) by (intros t Ht; do 4 (destruct t as [|t]; [lia|]);
  reflexivity).
  assert (K01 : vle nR (rts (rms r4 0)) (tget (rms r4 0) 1)) by covered.
  assert (K10 : vle nR (rts (rms r4 1)) (tget (rms r4 0) 1)) by covered.
  assert (L01 : vle nR (rts (rms r4 0)) (tget (rms r4 1) 0)) by covered.
  split; [apply reach_init|]. split; [|split; [|split; [|split; [|split; [|split; [|split]]]]]].
  - intros [|[|[|[|t]]]]; cbn [reader_run]; [exact C1|exact C2|exact C3|exact C4|apply calm_refl].
  - intros i j t Hi Hj Hn _ _. exists (4 + t). split; [lia|left]. rewrite Last by lia. unfold nM in Hj. cbn in Hi, Hj.
    replace i with 0 by lia. replace j with 1 by lia. exact K01.
  - intros t Ht. now rewrite !Last by lia.
  - intros i j t Hi Hj Hn _ _ _. exists (4 + t). split; [lia|left]. rewrite Last by lia. unfold nM in Hi, Hj.
    cbn in Hi, Hj.
    assert (E : i = 0 /\ j = 1 \/ i = 1 /\ j = 0) by lia. destruct E as [[-> ->]|[-> ->]]; [exact K10|exact L01].
  - intros t i j Ht Hi Hj. rewrite !Last by lia. apply vle_refl.
  - reflexivity.
  - intros [|[|[|[|t]]]]; computed.
  - computed.
Qed.
End Reader.

(** ** A member is replaced: of two, 0 is lost, which had told 1 of an update; 2 comes, whose place was never used *)
Section Replaced.
Local Instance P3 : Params nat (list nat) :=
  {| nR := 3; nX := 0; apply := fun _ o _ _ v => v ++ [o]; also := fun _ _ _ _ v => v; v0 := [] |}.
Definition two : @st nat (list nat) := begin (fun k => if k =? 2 then 1 else k).
Definition t1 := sends two 0 0 7.
Definition t2 := takes t1 0 (request 0 0 7).
Definition t3 := tells t2 0 1.
Definition lost : nat -> bool := Nat.eqb 0.
Definition new : nat -> bool := Nat.eqb 2.

Lemma three k : k < @nM _ _ P3 -> k = 0 \/ k = 1 \/ k = 2.
Proof. unfold nM. cbn. lia. Qed.

Lemma t3_reached : reach t3.
Proof.
  assert (R0 : reach two).
  { apply R_init. intros k Hk. destruct (three k Hk) as [->|[->| ->]]; unfold nM; cbn; lia. }
  assert (R1 : reach t1) by (apply (calm_on two); auto; apply sends_calm; cbn; lia).
  assert (R2 : reach t2) by (apply (calm_on t1); auto; apply takes_calm; [assumption|cbn;
  lia|reflexivity|now left|computed|computed]).
  apply (calm_on t2); auto. apply tells_calm; [assumption|unfold nM; cbn; lia..].
Qed.

(** They come to have recorded it, and hold the update. *)
Definition t4 := put t3 1 (with_tbl (rms t3 1) (tbl (starts lost new true (rms t3 1)))) [].
Theorem such_a_replacement : reach t3 /\ fits lost new t3 /\ (exists r, In r (acc t3) /\ r_org r = 0) /\
  exists S, sys S = t4 /\ leads_to lost new t3 S /\ may_copy lost S /\ stays lost t4 1.
Proof.
  assert (Heir : forall k, heir t3 k = if k =? 2 then 1 else k) by reflexivity.
  assert (A : acc t3 = [stamp (rms t1 0) (request 0 0 7)]) by reflexivity.
  assert (St : stays lost t4 1) by (split; [unfold nM; cbn; lia|split; reflexivity]).
  split; [exact t3_reached|]. split; [|split].
  - constructor.
    + intros k Hk. apply Nat.eqb_eq in Hk as <-. split; [cbn; lia|]. unfold member. rewrite Heir. discriminate.
    + rewrite A. intros r [<-|[]]. computed.
    + now exists 2.
    + intros i (Hi & _ & _). unfold nM in Hi. cbn in *. lia.
  - exists (stamp (rms t1 0) (request 0 0 7)). rewrite A. split; [now left|computed].
  - exists (mkstage t4 (upd (fun _ => false) 1 true) [] (upd (fun _ => []) 1 (rts (rms t3 1)))).
    split; [reflexivity|]. split; [|split; [|exact St]].
    + eapply Go_step; [apply Go_start|].
      apply (G_record lost new t3 _ _ _ 1); [exact St|reflexivity|intros k _; apply vle_refl].
    + intros i (Hi & Hm & Hl). destruct (three i Hi) as [->|[->| ->]]; [discriminate|reflexivity|discriminate].
Qed.

(** It takes effect; then the newcomer takes an update, and both hear of each other. *)
Definition t5 := replaced t4 (fun _ => 1) new [].
Definition t6 := sends t5 1 0 8.
Definition t7 := takes t6 2 (request 1 0 8).
Definition t8 := tells t7 2 1.
Definition t9 := tells t8 1 2.
Definition t10 := tells t9 2 1.
Definition run_after (t : nat) : @st nat (list nat) :=
  match t with 0 => t5 | 1 => t6 | 2 => t7 | 3 => t8 | 4 => t9 | _ => t10 end.

Lemma t5_reached : reach t5.
Proof.
  destruct such_a_replacement as (R & T & _ & S & E & L & _ & _).
  assert (R4 : reach t4) by (rewrite <- E; apply (leads_to_GI _ _ _ _ R T L)).
  eapply R_step; [exact R4|]. apply S_replace.
  assert (Sv : survivor t4 (fun _ => 1) 1) by (split; [unfold nM; cbn; lia|split; reflexivity]).
  constructor.
  - intros i Hi. split; [exact Sv|right; cbn; lia].
  - intros i j _ (_ & _ & <-). apply Nat.le_refl.
  - intros i Hi. apply Nat.eqb_eq in Hi as <-. split; [unfold nM; cbn; lia|]. split; [discriminate|computed].
  - intros i k (_ & _ & <-) Hk. split; [|right; apply Nat.le_refl].
    intros N. apply Nat.eqb_eq in N as <-. covered.
  - intros g [].
Qed.

Theorem such_a_run_after_it :
  reach (run_after 0) /\ lied (run_after 0) = true /\ (forall t,
  calm (run_after t) (run_after (S t))) /\ fair run_after /\
  (forall t, 5 <= t -> acc (run_after t) = acc (run_after 5)) /\ map r_op (acc (run_after 5)) = [8; 7] /\
  member (run_after 0) 2 /\ ~ member (run_after 0) 0 /\ val (rms (run_after 5) 1) = [7; 8].
Proof.
  pose proof t5_reached as R5.
  assert (C5 : calm t5 t6) by (apply sends_calm; cbn; lia). pose proof (calm_on _ _ C5 R5) as R6.
  assert (C6 : calm t6 t7).
  { apply takes_calm; [assumption|cbn; lia|reflexivity|now left|computed|computed].
    } pose proof (calm_on _ _ C6 R6) as R7.
  assert (C7 : calm t7 t8) by (apply tells_calm; [assumption|unfold nM; cbn; lia..]).
  pose proof (calm_on _ _ C7 R7) as R8.
  assert (C8 : calm t8 t9) by (apply tells_calm; [assumption|unfold nM; cbn; lia..]).
  pose proof (calm_on _ _ C8 R8) as R9.
  assert (C9 : calm t9 t10) by (apply tells_calm; [assumption|unfold nM; cbn; lia..]).
  assert (Last : forall t, 5 <= t -> run_after t = t10) by (intros t Ht; do 5 (destruct t as [|t]; [lia|]);
  reflexivity).
  assert (K12 : vle nR (rts (rms t10 1)) (tget (rms t10 1) 2)) by covered.
  assert (K21 : vle nR (rts (rms t10 2)) (tget (rms t10 2) 1)) by covered.
  split; [exact R5|]. split; [computed|].
  split; [|split; [|split; [|split; [computed|split; [|split; [|computed]]]]]].
  - intros [|[|[|[|[|t]]]]]; cbn [run_after]; [exact C5|exact C6|exact C7|exact C8|exact C9|apply calm_refl].
  - intros i j t Hi Hj Hn Mi Mj. exists (5 + t). split; [lia|left]. rewrite Last by lia.
    destruct (three i Hi) as [->|[->| ->]], (three j Hj) as [->|[->| ->]]; try congruence; try discriminate; auto.
  - intros t Ht. now rewrite !Last by lia.
  - reflexivity.
  - discriminate.
Qed.
End Replaced.
