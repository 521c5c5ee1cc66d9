(** The proof of [Claim]: whatever happens to the handlers is a run of [System], of which [Statement] holds. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Converge Theorems
  Simulation Fragments Progress Rest Effects Statement Claim.

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

(** What each has received, later. *)
Definition further (s s' : st) : Prop := forall k, k < nM -> vle nR (rts (rms s k)) (rts (rms s' k)).
Lemma further_refl s : further s s.
Proof. intros k _. apply vle_refl. Qed.
Lemma further_trans s1 s2 s3 : further s1 s2 -> further s2 s3 -> further s1 s3.
Proof. intros A B k Hk. eapply vle_trans; eauto. Qed.

Lemma act_step C i (a b : st) : absent C = [] -> act C (fun _ => True) i a b -> step a b /\ heir b = heir a.
Proof.
  intros HA H. destruct H; (split; [|reflexivity]); auto.
  - now apply S_accept.
  - now apply S_send.
  - now apply S_recv with (v := v) (l' := l').
  - apply S_discard; auto. intros k Hk _. apply H1. apply filter_In. split; auto. unfold is_absent. now rewrite HA.
Qed.

Lemma happens_is w w' s : Is w s -> happens w w' -> exists s', Is w' s' /\ further s s'.
Proof.
  intros K H. destruct H as [w q Hq|w c prev|w i C x Hi [HC HA] Hx].
  - destruct (q_cid q) as [f n] eqn:Q. simpl in Hq.
    assert (Hn : fcnt (fes s f) <= n) by (apply (S_next _ _ K); intros q' Hq' E; apply Hq; auto).
    set (s' := submit s f n (q_op q) (q_ack q) (q_prev q) [] true).
    assert (X : incl (net s) (net s')) by (intros x Hx; now right).
    assert (Eq : mkreq (f, n) (q_ack q) (q_prev q) (q_op q) = q) by (destruct q; simpl in *; now subst).
    exists s'. split; [|exact (further_refl s)]. constructor; simpl.
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
    exists (send s m). split; [|exact (further_refl s)]. constructor; try apply K; simpl.
    + eapply R_step; [apply K|]. apply S_ask.
    + intros i Hi. eapply asked_incl; [exact X|now apply K].
    + intros q Hq. right. now apply K.
    + intros o Ho. eapply shown_incl; [exact X|now apply K].
    + intros c p d [Hc|Hc]; [left; inversion Hc; reflexivity|]. right. revert Hc. apply K.
    + intros c p [Hc|Hc]; [exists []; left; unfold m; inversion Hc; reflexivity|].
      destruct (S_asked _ _ K c p Hc) as (d & Hd). exists d. now right.
  - set (via := fun a b : st => as_it_is i a b /\ further a b).
    assert (Go : forall s1, further s s1 -> Is w s1 -> (exists s', Sim (via) i s1 (handle C (at_ w i) x) s') ->
              exists s', Is (after C w i x) s' /\ further s s').
    { intros s1 F1 K1 (s' & Z). exists s'. split; [|exact (further_trans s s1 s' F1 (proj2 (Z_steps _ _ _ _ _ Z)))].
      apply (handled w s1 i); auto. revert Z. apply sim_by. now intros []. }
    assert (Ab : forall s1 : st, forall k, In k (absent C) -> ~ member s1 k) by (rewrite HA; intros s1 k []).
    assert (Act : forall s1, Is w s1 -> forall a b, via s1 a -> act C (fun _ => True) i a b -> via s1 b).
    { intros s1 K1 a b [A F] H. split; [eapply acts_are_steps; eauto; apply K1|].
      destruct (act_step C i a b HA H) as [St Hh].
      assert (M : forall k, member a k) by (intros k; unfold member; rewrite (J_heir _ _ _ A); apply K1).
      intros k Hk. eapply vle_trans; [now apply F|]. apply step_rts; auto; [|unfold member; rewrite Hh; apply M].
      eapply steps_reach; [apply K1|apply A]. }
    assert (Rch : forall s1, Is w s1 -> forall a, via s1 a -> reach a).
    { intros s1 K1 a [J _]. eapply steps_reach; [apply K1|apply J]. }
    assert (Start : forall s1 : st, via s1 s1) by (intros; split; [apply stays_as_it_is|apply further_refl]).
    destruct x as [q|c prev|g|j t|j|]; cbn [arrives handle] in *.
    + apply (Go s (further_refl s) K). eapply update_is_acts; eauto; apply K; auto.
    + destruct (S_asked _ _ K c prev Hx) as (d & Hd). apply (Go s (further_refl s) K).
      eapply query_is_acts; eauto; apply K; auto.
    + destruct Hx as (Hg & whole & Hw & Hp). apply (S_told _ _ K) in Hw. simpl in Hw.
      assert (K1 : Is w (send s (MGsp g))).
      { apply sent_more; auto; [|discriminate]. now apply S_cut with (g := whole). }
      apply (Go (send s (MGsp g)) (further_refl s) K1). eapply gossip_is_acts; eauto; solve [now apply K1|now left|exact I].
    + apply (Go s (further_refl s) K). eapply pull_is_acts; eauto; apply K; auto.
    + apply (Go s (further_refl s) K). eapply timer_is_acts; eauto; apply K; auto.
    + apply (Go s (further_refl s) K). rewrite <- (S_core _ _ K i Hi). eexists. apply sim_started. split.
      * constructor; auto.
        -- apply one_step, S_crash; auto. intros k Hk.
           change (vle nR (tget (Handlers.begins C (rms s i)) k) (tget (restart (rms s i)) k)).
           rewrite begins_row by assumption.
           destruct (is_absent C k || is_new C k); [apply vle_nil|apply vle_refl].
        -- intros k Hk. simpl. now rewrite upd_neq.
      * intros k Hk. simpl. destruct (Nat.eq_dec k i) as [->|N]; [rewrite upd_eq|rewrite upd_neq by auto]; apply vle_refl.
Qed.

Lemma possible_is w : possible w -> exists s, Is w s.
Proof.
  induction 1 as [|w w' _ [s K] H]; [exists init; apply empty_is|].
  destruct (happens_is w w' s K H) as (s' & K' & _). eauto.
Qed.

Lemma has_received w s i r : Is w s -> i < nM -> (received s i r <-> has w i r).
Proof. intros K Hi. unfold received, has. now rewrite (S_hist _ _ K i Hi), (S_core _ _ K i Hi). Qed.

Lemma made_somewhere w s r : Is w s -> (In r (acc s) <-> somewhere w r).
Proof.
  intros K. pose proof (S_reach _ _ K) as R. pose proof (reach_inv s R) as I. split.
  - intros Hr. destruct (I_wf _ I r Hr) as [Hw Ht]. pose proof (nR_nM _ (proj1 Hw)) as Ho.
    exists (r_org r). split; auto. apply (has_received w s _ r K Ho). now apply (replica_ts_correct s R (r_org r) r Ho).
  - intros (i & Hi & Hr). apply (has_received w s i r K Hi) in Hr. now apply (replica_ts_correct s R i r Hi) in Hr as [Hr _].
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

(** ** What is right *)

Lemma all_is_right w : possible w -> right w.
Proof.
  intros H. destruct (possible_is w H) as [s K]. pose proof (S_reach _ _ K) as R. pose proof (reach_inv s R) as I.
  destruct (safety s R) as (Sc & Sa & Sv).
  assert (Ca : forall i, i < nM -> causal w (history w i)).
  { intros i Hi. rewrite <- (S_hist _ _ K i Hi). apply (ordered_causal w s); auto. intros l1 u l2 E d.
    now apply (Statement.causal s i (Sc i Hi) l1 u l2 d). }
  constructor.
  - intros i Hi. destruct (Sc i Hi) as [V [N _] _ _ _ _ _ _ _].
    rewrite <- (S_core _ _ K i Hi), result_replay. splits; auto; now rewrite <- (S_hist _ _ K i Hi).
  - intros r Hr. apply (made_somewhere w s r K) in Hr. pose proof (I_sub _ I r Hr) as E.
    destruct (S_sub _ _ K _ _ _ E) as (q & Hq & A & B & D). exists q. auto.
  - intros i r Hi. rewrite <- (S_core _ _ K), <- (S_hist _ _ K) by assumption.
    now rewrite (value_ts_exact s i (Sc i Hi) r), (made_somewhere w s r K).
  - intros c t Ho. apply (S_told _ _ K) in Ho as (d & Ho). destruct (reply_true s Sa c t d Ho) as (r & A & B & D).
    exists r. splits; auto. now apply (made_somewhere w s).
  - intros c v t Ho. apply (S_told _ _ K) in Ho as (d & h & prev & Hq & Hp & Ho). split.
    + exists prev. split; auto. now apply (S_queries _ _ K) in Hq.
    + destruct (answer_true s Sa c v t d h Ho) as (_ & A & N & B & D). exists h. rewrite result_replay. splits; auto.
      * now apply (ordered_causal w s).
      * intros r. rewrite (D r), (made_somewhere w s r K). reflexivity.
  - intros d' d r _ Td Cl [Hr Sh].
    assert (Sh' : within (r_ts r) (match d' with Writes _ => [] | Hears _ t | Reads _ _ _ t => t end)).
    { destruct d'; [easy|apply Sh|exact Sh]. }
    destruct d as [q|c t|c prev v t]; cbn in *; auto.
    + intros i l1 u l2 Hi E Eq. apply (Ca i Hi l1 u l2 r E Hr). apply (made_somewhere w s r K) in Hr.
      assert (Hu : In u (acc s)).
      { apply (hist_acc s R i u Hi). rewrite (S_hist _ _ K i Hi), E. apply in_or_app. right. now left. }
      pose proof (I_sub _ I u Hu) as Su. destruct (I_net _ I _ (S_issued _ _ K q Td)) as (_ & _ & Sq & _).
      rewrite Eq, Sq in Su. replace (r_prev u) with (q_prev q) by congruence. exact (vle_trans _ _ _ _ Sh' Cl).
    + destruct Td as [Ho Hp]. apply (S_told _ _ K) in Ho as (d & h & p & Hq & Hpt & Ho).
      apply (S_queries _ _ K) in Hq. rewrite (Hp p Hq) in Hpt.
      exact (vle_trans _ _ _ _ Sh' (vle_trans _ _ _ _ Cl Hpt)).
  - intros L i j Hi Hj A B. rewrite <- !(S_core _ _ K) in * by assumption. apply Sv; auto.
    + intros k Hk. apply Nat.le_antisymm; [now apply A|now apply B].
    + intros h1 h2 N1 N2 M E O1 O2. rewrite <- !result_replay. apply L; auto; try now apply (ordered_causal w s).
      intros r Hr. apply (made_somewhere w s r K). now apply M.
  - intros i j r Hi Hj M Hr Hn. apply (has_received w s j r K Hj). apply (log_safe s i (Sc i Hi) r j); auto.
    + left. now rewrite (S_hist _ _ K i Hi).
    + rewrite (S_core _ _ K i Hi). intros X. apply in_app_or in X as [X|X]; auto.
      pose proof (L_nd _ _ _ _ (loc s R i Hi)) as N. rewrite (S_core _ _ K i Hi), (S_hist _ _ K i Hi) in N.
      eapply nodup_app_disj; eauto.
    + apply K.
  - intros i r Hi Hr Hn. destruct (table_safe s i (Sc i Hi) (r_cid r)) as [A B].
    + rewrite (S_hist _ _ K i Hi). now apply in_map.
    + now rewrite (S_core _ _ K i Hi).
    + split.
      * intros r' Hr' E. rewrite <- (S_hist _ _ K i Hi). apply B; auto. now apply (made_somewhere w s).
      * intros k C q Hk E. specialize (A k Hk (S_all _ _ K k)). rewrite (S_core _ _ K k (nR_nM _ Hk)), <- E in A.
        unfold on_update. rewrite A. now destruct (if finished _ _ then _ else _).
Qed.

(** ** What happens in the end *)
Section Run.
Variable run : nat -> world.
Hypothesis Hg : goes_on run.
Hypothesis Hf : fair run.

Lemma run_possible t : possible (run t).
Proof.
  destruct Hg as [A B]. induction t as [|t IH]; auto. destruct (B t) as [H| ->]; auto. now apply goes_on_so with (w := run t).
Qed.

Lemma run_further t t' : t <= t' -> (forall o, In o (told (run t)) -> In o (told (run t'))) /\
  forall i, i < nM -> vle nR (rts (core (at_ (run t) i))) (rts (core (at_ (run t') i))).
Proof.
  induction 1 as [|t' Ht [IH1 IH2]]; [split; auto; intros; apply vle_refl|].
  destruct (proj2 Hg t') as [H| ->]; auto. destruct (possible_is _ (run_possible t')) as [s K].
  destruct (happens_is _ _ s K H) as (s' & K' & F). split.
  - intros o Ho. apply IH1 in Ho. destruct H; cbn; auto. apply in_or_app. now right.
  - intros i Hi. eapply vle_trans; [now apply IH2|]. rewrite <- (S_core _ _ K i Hi), <- (S_core _ _ K' i Hi). now apply F.
Qed.

(** What a manager that takes updates holds, every other one holds in the end. *)
Lemma reaches_all t i j : i < nR -> j < nM -> exists t1, forall t', t1 <= t' ->
  vle nR (rts (core (at_ (run t) i))) (rts (core (at_ (run t') j))).
Proof.
  intros Hi Hj. pose proof (nR_nM _ Hi) as HiM. destruct (Nat.eq_dec i j) as [->|Hn].
  { exists t. intros t' Ht. now apply run_further. }
  destruct (Hf i j t Hi Hj Hn) as (t1 & C & Ht & [_ HA] & Hp & E & Hs). cbn zeta in Hs.
  destruct (possible_is _ (run_possible t1)) as [s K]. pose proof (S_reach _ _ K) as R. pose proof (reach_inv s R) as I.
  pose proof (S_core _ _ K i HiM) as Ci. pose proof (S_core _ _ K j Hj) as Cj.
  assert (F : forall t', t1 <= t' -> vle nR (rts (core (at_ (run t1) j))) (rts (core (at_ (run t') j)))).
  { intros t' Ht'. now apply run_further. }
  assert (B : exists t2, t1 <= t2 /\ vle nR (rts (core (at_ (run t1) i))) (rts (core (at_ (run t2) j)))).
  { destruct Hs as [Hs|(g & t2 & D & Hs & Ht2 & E2)].
    - exists t1. split; auto. unfold on_gossip_timer in Hs.
      destruct (has_reason C (at_ (run t1) i) j) eqn:Hr.
      { exfalso. revert Hs. unfold gossip, send_gossip. cbn. discriminate. }
      unfold has_reason in Hr. apply orb_false_iff in Hr as [_ Hr]. unfold own_reason in Hr.
      replace (existsb (Nat.eqb j) (partners C)) with true in Hr.
      2:{ symmetry. apply existsb_exists. exists j. split; auto. apply Nat.eqb_refl. }
      rewrite orb_true_r in Hr. simpl in Hr. apply negb_false_iff, vleb_spec in Hr. eapply vle_trans; [exact Hr|].
      eapply vle_trans; [|rewrite <- Cj; apply (I_tbl _ I i j HiM Hj); apply K]. rewrite Ci. unfold known_through.
      destruct (relays C); [exact (proj1 (floor_le (tget _) _ _))|apply vle_refl].
    - exists (S t2). split; [lia|].
      assert (G : exists asks rel, g = make_gossip (rms s i) j (tget (rms s i) j) asks rel).
      { rewrite Ci. unfold on_gossip_timer in Hs. destruct (has_reason C (at_ (run t1) i) j); [|easy].
        unfold gossip, send_gossip in Hs. cbn in Hs. destruct Hs as [Hs|[]]. inversion Hs. eauto. }
      destruct G as (asks & rel & G).
      destruct (possible_is _ (run_possible t2)) as [s2 K2]. pose proof (reach_inv s2 (S_reach _ _ K2)) as I2.
      assert (Ho : In (OGossip g) (told (run t2))).
      { apply (proj1 (run_further (S t1) t2 Ht2)). rewrite E. cbn. apply in_or_app. now left. }
      apply (S_told _ _ K2) in Ho. simpl in Ho. destruct (I_net _ I2 _ Ho) as (N1 & _ & _ & _ & N4).
      assert (Me : me (core (at_ (run t2) j)) = j).
      { rewrite <- (S_core _ _ K2 j Hj). apply (L_me _ _ _ _ (I_loc _ I2 j Hj)). }
      assert (Lo : lost (at_ (run t2) j) g = false).
      { unfold lost. rewrite Me. unfold updatable. destruct (Nat.ltb_spec j nR) as [Hr|]; auto. simpl.
        apply Nat.ltb_ge. rewrite <- (S_core _ _ K2 j Hj). change (get (g_ts g) j <= top s2 j).
        eapply Nat.le_trans; [apply (proj1 (N4 ltac:(now rewrite G))); exact Hr|]. now apply (I_rts _ I2). }
      rewrite E2. cbn [after at_ handle]. rewrite Nat.eqb_refl.
      rewrite (proj1 (gossip_does D _ g Lo)). rewrite <- Ci, G. apply delivers; auto; [apply K|now left|].
      rewrite Cj. apply F. lia. }
  destruct B as (t2 & Ht2 & B). exists t2. intros t' Ht'.
  eapply vle_trans; [apply (proj2 (run_further t t1 Ht) i HiM)|]. eapply vle_trans; [exact B|].
  now apply (proj2 (run_further t2 t' Ht')).
Qed.

Lemma all_executed w s i : Is w s -> i < nM -> (forall r, In r (acc s) -> received s i r) -> honest w ->
  forall r, In r (acc s) -> In r (hist s i).
Proof.
  intros K Hi Ha Ho. pose proof (S_reach _ _ K) as R. pose proof (reach_inv s R) as I.
  enough (X : forall n r, In r (acc s) -> vsum nR (r_prev r) < n -> In r (hist s i)) by (intros r Hr; eapply X; eauto).
  induction n as [|n IH]; intros r Hr Hn; [lia|]. destruct (Ha r Hr) as [|Hp]; auto. exfalso.
  apply (I_fix _ I i Hi r Hp). intros k Hk.
  assert (X : get (r_prev r) k = 0 \/
    exists d, In d (acc s) /\ vle nR (r_ts d) (r_prev r) /\ get (r_ts d) k = get (r_prev r) k).
  { destruct (S_sub _ _ K _ _ _ (I_sub _ I r Hr)) as (q & Hq & _ & Eq & _).
    destruct (Ho q k Hq Hk) as [E|(t & c & T & Hle & E)]; rewrite Eq in *; [now left|].
    assert (G : Gen (acc s) t).
    { destruct T as [T|(v & T)]; apply (S_told _ _ K) in T.
      - destruct T as (d & T). exact (replies_made s R c t d T).
      - destruct T as (d & h & p & _ & _ & T). now apply (I_net _ I) in T as (_ & G & _). }
    destruct (G k Hk) as [Z|(d & Hd & Hdt & Ed)]; [left; unfold get in *; congruence|]. right. exists d.
    splits; auto; [exact (vle_trans _ _ _ _ Hdt Hle)|unfold get in *; congruence]. }
  destruct X as [E|(d & Hd & Hdr & E)]; [lia|]. destruct (I_wf _ I d Hd) as [Wd _].
  assert (Xd : In d (hist s i)).
  { apply IH; auto. assert (L : vsum nR (r_prev d) < vsum nR (r_prev r)); [|lia].
    eapply Nat.lt_le_trans; [|apply vsum_mono; exact Hdr]. apply (vsum_lt nR _ _ (r_org d)); [now apply WF_prev_ts| |].
    - apply Wd.
    - apply Wd. }
  apply (value_is_downset s R i d Hi) in Xd as [_ Xd]. specialize (Xd k Hk). unfold get in *. lia.
Qed.

Lemma all_converge : converges run.
Proof.
  intros t0 Hq.
  destruct (eventually_all (fun j t => forall i, i < nR ->
    vle nR (rts (core (at_ (run t0) i))) (rts (core (at_ (run t) j)))) nM) as [t1 H1].
  { intros j Hj. destruct (eventually_all (fun i t => vle nR (rts (core (at_ (run t0) i)))
      (rts (core (at_ (run t) j)))) nR) as [t1 H1]; [intros i Hi; now apply reaches_all|eauto]. }
  exists (Nat.max t0 t1). intros t i Ht Hi.
  destruct (possible_is _ (run_possible t)) as [s K]. pose proof (S_reach _ _ K) as R.
  assert (A : forall j r, j < nM -> In r (acc s) -> received s j r).
  { intros j r Hj Hr. pose proof (Hq t r ltac:(lia) (proj1 (made_somewhere _ s r K) Hr)) as Hr0.
    destruct (possible_is _ (run_possible t0)) as [s0 K0].
    apply (made_somewhere _ s0 r K0) in Hr0. destruct (I_wf _ (reach_inv s0 (S_reach _ _ K0)) r Hr0) as [W L].
    apply (replica_ts_correct s R j r Hj). split; auto. rewrite (S_core _ _ K j Hj).
    eapply Nat.le_trans; [exact L|]. unfold top. pose proof (proj1 W) as Ho.
    rewrite (S_core _ _ K0 _ (nR_nM _ Ho)). apply (H1 t ltac:(lia) j Hj _ Ho _ Ho). }
  split.
  - intros j Hj k Hk. rewrite <- (S_core _ _ K i Hi), <- (S_core _ _ K j Hj).
    apply Nat.eq_le_incl, (same_received_same_value_ts s R i j Hi Hj); auto. intros r.
    split; intros Hr; apply A; auto; now apply (replica_ts_correct s R) in Hr.
  - intros r Hr. apply (made_somewhere _ s r K) in Hr. split; [apply (has_received _ s i r K Hi); auto|].
    intros Ho. rewrite <- (S_hist _ _ K i Hi). apply (all_executed (run t) s i); auto.
Qed.
End Run.

Theorem claim_holds : @claim Op Val P.
Proof. split; [apply all_is_right|]. intros run. apply all_converge. Qed.
End ClaimHolds.
