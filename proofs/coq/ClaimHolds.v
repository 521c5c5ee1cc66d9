(** The proof of [Claim]: whatever happens to the handlers is a run of [System], of which [Statement] holds. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Theorems Simulation
  Fragments Progress Statement Claim.

Section ClaimHolds.
Context {Op Val : Type} {P : Params Op Val}.
Notation world := (@world Op Val).
Notation st := (@st Op Val).

(** What is restated in [Claim] is what the rest uses. *)
Lemma within_vle u v : within u v = vle nR u v.
Proof. reflexivity. Qed.
Lemma result_replay h : forall ex v, result ex v h = replay ex v h.
Proof.
  induction h as [|r h IH]; intros ex v; [reflexivity|]. cbn [result replay].
  change (existsb _ ex) with (memc (r_cid r) ex). now rewrite !IH.
Qed.
Lemma part_cut whole g : part whole g -> @cut Op whole g.
Proof. exact (fun H => H). Qed.

(** The system's state [s] is that of the world [w]. *)
Record Is (w : world) (s : st) : Prop := {
  S_reach : reach s;
  S_all : forall i, member s i;
  S_core : forall i, i < nM -> rms s i = core (at_ w i);
  S_hist : forall i, i < nM -> hist s i = history w i;
  S_waits : forall i, i < nM -> Simulation.asked s (at_ w i);
  S_issued : forall q, In q (issued w) -> In (MReq q) (net s);
  S_sub : forall c op prev, gsub s c = Some (op, prev) ->
    exists q, In q (issued w) /\ q_cid q = c /\ q_prev q = prev /\ q_op q = op;
  S_next : forall f n, (forall q, In q (issued w) -> fst (q_cid q) = f -> snd (q_cid q) < n) -> fcnt (fes s f) <= n;
  S_told : forall o, In o (told w) -> shown s o;
  S_queries : forall c prev d, In (MQry c prev d) (net s) -> In (c, prev) (Claim.asked w);
  S_asked : forall c prev, In (c, prev) (Claim.asked w) -> exists d, In (MQry c prev d) (net s) }.

Lemma empty_is : Is empty init.
Proof.
  constructor; simpl; auto; try easy; try exact reach_init; try (intros i Hi c p []); intros; lia.
Qed.

Lemma asked_incl (s s' : st) m : incl (net s) (net s') -> Simulation.asked s m -> Simulation.asked s' m.
Proof. intros H A c p Hc. destruct (A c p Hc) as (d & Hd). eauto. Qed.

(** After a handler's work. *)
Lemma handled w s i done s' : Is w s -> i < nM -> Sim (as_it_is i) i s done s' ->
  Is (mkworld (fun k => if k =? i then now done else at_ w k)
        (fun k => if k =? i then history w i ++ ran done else history w k)
        (issued w) (Claim.asked w) (sent done ++ told w)) s'.
Proof.
  intros K Hi Z. pose proof (Z_steps _ _ _ _ _ Z) as J. constructor; cbn.
  - eapply steps_reach; [apply K|apply J].
  - intros k. unfold member. rewrite (Z_heir _ _ _ _ _ Z). apply K.
  - intros k Hk. destruct (Nat.eqb_spec k i) as [->|N]; [apply Z|]. rewrite (Z_rest _ _ _ _ _ Z k N). now apply K.
  - intros k Hk. destruct (Nat.eqb_spec k i) as [->|N].
    + rewrite (Z_hist _ _ _ _ _ Z). f_equal. now apply K.
    + rewrite (J_hist _ _ _ J k N). now apply K.
  - intros k Hk. destruct (Nat.eqb_spec k i) as [->|N]; [apply Z|].
    eapply asked_incl; [apply Z|now apply K].
  - intros q Hq. apply (Z_net _ _ _ _ _ Z). now apply K.
  - intros c op prev. rewrite (J_sub _ _ _ J). apply K.
  - intros f n H. rewrite (Z_fes _ _ _ _ _ Z). now apply K.
  - intros o Ho. apply in_app_or in Ho as [Ho|Ho]; [now apply Z|]. eapply shown_incl; [apply Z|now apply K].
  - intros c prev d H. apply (J_asked _ _ _ J) in H. revert H. apply K.
  - intros c prev H. destruct (S_asked _ _ K c prev H) as (d & Hd). exists d. now apply (Z_net _ _ _ _ _ Z).
Qed.

(** A message more in the network, which is none of a front end. *)
Lemma sent_more w s m : Is w s -> step s (send s m) -> (forall c p d, m <> MQry c p d) -> Is w (send s m).
Proof.
  intros K H N. assert (X : incl (net s) (net (send s m))) by (intros x Hx; now right). constructor; try apply K.
  - eapply R_step; [apply K|exact H].
  - intros i Hi. eapply asked_incl; [exact X|now apply K].
  - intros q Hq. right. now apply K.
  - intros o Ho. eapply shown_incl; [exact X|now apply K].
  - intros c p d [Hq|Hq]; [exfalso; eapply N; eauto|]. revert Hq. apply K.
  - intros c p Hc. destruct (S_asked _ _ K c p Hc) as (d & Hd). exists d. now right.
Qed.

Lemma happens_is w w' s : Is w s -> happens w w' -> exists s', Is w' s'.
Proof.
  intros K H. destruct H as [w q Hq|w c prev|w i C x Hi [HC HA] Hx].
  - destruct (q_cid q) as [f n] eqn:Q. simpl in Hq.
    assert (Hn : fcnt (fes s f) <= n) by (apply (S_next _ _ K); intros q' Hq' E; apply Hq; auto).
    set (s' := submit s f n (q_op q) (q_ack q) (q_prev q) [] true).
    assert (X : incl (net s) (net s')) by (intros x Hx; now right).
    assert (Eq : mkreq (f, n) (q_ack q) (q_prev q) (q_op q) = q) by (destruct q; simpl in *; now subst).
    exists s'. constructor; simpl.
    + eapply R_step; [apply K|]. now apply S_lie.
    + apply (S_all _ _ K).
    + apply (S_core _ _ K).
    + apply (S_hist _ _ K).
    + intros i Hi. eapply asked_incl; [exact X|now apply K].
    + intros y [<-|Hy]; [left; now rewrite Eq|right; now apply K].
    + intros c op prev. unfold updc. destruct (ceqb c (f, n)) eqn:E.
      * intros G. inversion G; subst. exists q. splits; auto. apply ceqb_spec in E. congruence.
      * intros G. destruct (S_sub _ _ K c op prev G) as (y & Hy & Y). exists y. auto.
    + intros g k Hk. unfold upd. destruct (Nat.eqb_spec g f) as [->|Ng]; cbn [fcnt].
      * specialize (Hk q (or_introl eq_refl)). rewrite Q in Hk. simpl in Hk. specialize (Hk eq_refl). lia.
      * apply (S_next _ _ K). intros y Hy. apply Hk. now right.
    + intros o Ho. eapply shown_incl; [exact X|now apply K].
    + intros c p d [Hc|Hc]; [discriminate|]. revert Hc. apply K.
    + intros c p Hc. destruct (S_asked _ _ K c p Hc) as (d & Hd). exists d. now right.
  - destruct c as [f n]. set (m := @MQry Op Val (f, n) prev []).
    assert (X : incl (net s) (net (send s m))) by (intros x Hx; now right).
    exists (send s m). constructor; try apply K; simpl.
    + eapply R_step; [apply K|]. apply S_ask.
    + intros i Hi. eapply asked_incl; [exact X|now apply K].
    + intros q Hq. right. now apply K.
    + intros o Ho. eapply shown_incl; [exact X|now apply K].
    + intros c p d [Hc|Hc]; [left; inversion Hc; reflexivity|]. right. revert Hc. apply K.
    + intros c p [Hc|Hc]; [exists []; left; unfold m; inversion Hc; reflexivity|].
      destruct (S_asked _ _ K c p Hc) as (d & Hd). exists d. now right.
  - assert (Go : forall s1, Is w s1 -> (exists s', Sim (as_it_is i) i s1 (handle C (at_ w i) x) s') ->
              exists s', Is (mkworld (fun k => if k =? i then now (handle C (at_ w i) x) else at_ w k)
                (fun k => if k =? i then history w i ++ ran (handle C (at_ w i) x) else history w k)
                (issued w) (Claim.asked w) (sent (handle C (at_ w i) x) ++ told w)) s').
    { intros s1 K1 (s' & Z). exists s'. now apply (handled w s1 i). }
    assert (Ab : forall s1 : st, forall k, In k (absent C) -> ~ member s1 k) by (rewrite HA; intros s1 k []).
    assert (Act : forall s1, Is w s1 -> forall a b, as_it_is i s1 a -> act C (fun _ => True) i a b -> as_it_is i s1 b).
    { intros s1 K1 a b. apply acts_are_steps; auto. }
    assert (Rch : forall s1, Is w s1 -> forall a, as_it_is i s1 a -> reach a).
    { intros s1 K1 a J. eapply steps_reach; [apply K1|apply J]. }
    assert (Start : forall s1 : st, as_it_is i s1 s1) by (intros; apply stays_as_it_is).
    destruct x as [q|c prev|g|j t|j|]; cbn [arrives handle] in *.
    + apply (Go s K). eapply update_is_acts; eauto; apply K; auto.
    + destruct (S_asked _ _ K c prev Hx) as (d & Hd). apply (Go s K). eapply query_is_acts; eauto; apply K; auto.
    + destruct Hx as (Hg & whole & Hw & Hp). apply (S_told _ _ K) in Hw. simpl in Hw.
      assert (K1 : Is w (send s (MGsp g))).
      { apply sent_more; auto; [|discriminate]. now apply S_cut with (g := whole). }
      apply (Go _ K1). eapply gossip_is_acts; eauto; solve [now apply K1|now left|exact I].
    + apply (Go s K). eapply pull_is_acts; eauto; apply K; auto.
    + apply (Go s K). eapply timer_is_acts; eauto; apply K; auto.
    + apply (Go s K). rewrite <- (S_core _ _ K i Hi). eexists. apply sim_started. constructor; auto.
      * apply one_step, S_crash; auto. intros k Hk.
        change (vle nR (tget (Handlers.begins C (rms s i)) k) (tget (restart (rms s i)) k)).
        rewrite begins_row by assumption.
        destruct (is_absent C k || is_new C k); [apply vle_nil|apply vle_refl].
      * intros k Hk. simpl. now rewrite upd_neq.
Qed.

Lemma possible_is w : possible w -> exists s, Is w s.
Proof.
  induction 1 as [|w w' _ [s K] H]; [exists init; apply empty_is|]. now apply happens_is with (s := s) (w := w).
Qed.

Lemma made_somewhere w s r : Is w s -> (In r (acc s) <-> somewhere w r).
Proof.
  intros K. pose proof (S_reach _ _ K) as R. pose proof (reach_inv s R) as I. split.
  - intros Hr. destruct (I_wf _ I r Hr) as [Hw Ht]. assert (Ho := proj1 Hw). assert (HoM := nR_nM _ Ho).
    exists (r_org r). split; auto. rewrite <- (S_hist _ _ K), <- (S_core _ _ K) by assumption.
    now apply (replica_ts_correct s R (r_org r) r HoM).
  - intros (i & Hi & Hr). rewrite <- (S_hist _ _ K), <- (S_core _ _ K) in Hr by assumption.
    now apply (replica_ts_correct s R i r Hi) in Hr as [Hr _].
Qed.

Lemma ordered_causal w s h : Is w s -> (ordered (acc s) h <-> causal w h).
Proof.
  intros K. split.
  - intros O l1 u l2 d E Hd Hle. apply (O l1 u l2 E); auto. now apply (made_somewhere w s).
  - intros O l1 u l2 E d Hd Hle. apply (O l1 u l2 d E); auto. now apply (made_somewhere w s).
Qed.

(** A service that keeps the law of [Theorems] in every state is lawful in every world. *)
Lemma all_lawful : (forall s : st, reach s -> law s) -> forall w, possible w -> lawful w.
Proof.
  intros L w H. destruct (possible_is w H) as [s K]. intros h1 h2 N1 N2 M E O1 O2. rewrite !result_replay.
  apply (L s (S_reach _ _ K)); auto; [|now apply (ordered_causal w s)|now apply (ordered_causal w s)].
  intros r Hr. now apply (made_somewhere w s r K), M.
Qed.

Theorem claim_holds : @claim Op Val P.
Proof.
  intros w H. destruct (possible_is w H) as [s K]. destruct (safety s (S_reach _ _ K)) as (Sc & Sa & Sv).
  constructor.
  - intros i Hi. destruct (Sc i Hi) as [V [N _] Ca _ _ _ _ _ _].
    rewrite <- (S_core _ _ K), <- (S_hist _ _ K), result_replay by assumption. splits; auto.
    apply (ordered_causal w s); auto. intros l1 u l2 E d. now apply (Ca l1 u l2 d).
  - intros r Hr. apply (made_somewhere w s r K) in Hr.
    pose proof (I_sub _ (reach_inv s (S_reach _ _ K)) r Hr) as E.
    destruct (S_sub _ _ K _ _ _ E) as (q & Hq & A & B & D). exists q. auto.
  - intros i r Hi. destruct (Sc i Hi) as [_ _ _ _ T _ _ _ _]. rewrite <- (S_core _ _ K), <- (S_hist _ _ K) by assumption.
    rewrite (T r), (made_somewhere w s r K). reflexivity.
  - intros c t Ho. apply (S_told _ _ K) in Ho as (d & Ho). destruct (reply_true s Sa c t d Ho) as (r & A & B & D). split.
    + exists r. splits; auto. now apply (made_somewhere w s).
    + intros i l1 u l2 Hi E Hu. destruct (Sc i Hi) as [_ _ Ca _ _ _ _ _ _]. exists r. split; auto.
      rewrite (S_hist _ _ K i Hi) in Ca. apply (Ca l1 u l2 r E A). exact (vle_trans _ _ _ _ D Hu).
  - intros c v t Ho. apply (S_told _ _ K) in Ho as (d & h & prev & Hq & Hp & Ho). split.
    + exists prev. split; auto. now apply (S_queries _ _ K) in Hq.
    + destruct (answer_true s Sa c v t d h Ho) as (_ & A & B & D). exists h. rewrite result_replay. splits; auto.
      * now apply (ordered_causal w s).
      * intros r. rewrite (D r), (made_somewhere w s r K). reflexivity.
  - intros L i j Hi Hj A B. rewrite <- !(S_core _ _ K) in * by assumption. apply Sv; auto.
    + intros k Hk. apply Nat.le_antisymm; [now apply A|now apply B].
    + intros h1 h2 N1 N2 M E O1 O2. rewrite <- !result_replay. apply L; auto; try now apply (ordered_causal w s).
      intros r Hr. apply (made_somewhere w s r K). now apply M.
Qed.
End ClaimHolds.
