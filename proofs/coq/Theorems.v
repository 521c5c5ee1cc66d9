(** What the gossip architecture guarantees: for any number of replica managers, any service, any number
    of front ends, and every finite run over a network that may lose, duplicate and reorder messages. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local System Invariant Preserve Replaced Reachable Converge.

Section Theorems.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation veq := (veq nR).
Notation urec := (@urec Op).
Notation rm := (@rm Op Val).
Notation st := (@st Op Val).
Variable s : st.
Hypothesis HR : reach s.
Let I : Inv s := reach_inv s HR.

Lemma acc_wf : forall r, In r (acc s) -> WF r.
Proof. intros; now apply I. Qed.
Lemma loc i : i < nM -> LI (acc s) i (rms s i) (hist s i).
Proof. apply I. Qed.

Lemma nodup_app_l {A} (l1 l2 : list A) : NoDup (l1 ++ l2) -> NoDup l1.
Proof.
  induction l1 as [|x l1 IH]; simpl; intros H; [constructor|]. inversion H; subst. constructor; auto.
  intros Hx. apply H2, in_or_app; now left.
Qed.

(** 1. The value never reflects more than has been received. *)
Theorem value_le_replica i : i < nM -> vle (vts (rms s i)) (rts (rms s i)).
Proof. intros Hi. apply (loc i Hi). Qed.

(** 2. Log/replica-timestamp correspondence: a replica has received exactly the accepted
    updates that its replica timestamp covers. *)
Theorem replica_ts_correct i r : i < nM ->
  received s i r <-> (In r (acc s) /\ r_seq r <= get (rts (rms s i)) (r_org r)).
Proof. intros Hi. unfold received. rewrite <- in_app_iff. apply (loc i Hi). Qed.
Corollary covered_received i r : i < nM -> In r (acc s) -> vle (r_ts r) (rts (rms s i)) -> received s i r.
Proof. intros Hi Hr Hle. apply replica_ts_correct; auto. split; auto. apply WF_seq_le; auto. now apply
  acc_wf. Qed.

(** 3. Timestamps are unique. *)
Theorem unique_timestamps r r' : lied s = false ->
  In r (acc s) -> In r' (acc s) -> veq (r_ts r) (r_ts r') -> r = r'.
Proof.
  intros Hl Hr Hr' E.
  destruct (Nat.eq_dec (r_org r) (r_org r')) as [Eo|No].
  - apply (I_uniq _ I); auto. unfold r_seq. rewrite <- Eo. apply E. now apply acc_wf.
  - exfalso.
    assert (K : forall l, GenOrd l -> (forall x, In x l -> WF x) -> In r l -> In r' l -> False).
    { induction l as [|a l IH]; simpl; intros G W H1 H2; [easy|]. destruct G as (_ & G2 & G3).
      assert (X : forall n o, In o l -> WF n -> WF o -> r_org n <> r_org o -> veq (r_ts n) (r_ts o) ->
                 get (r_prev o) (r_org n) < r_seq n -> False).
      { intros n o _ [Wn _] [Wo1 [Wo2 _]] N Ev Hlt. unfold r_seq in Hlt.
        rewrite (Ev _ Wn) in Hlt. rewrite Wo2 in Hlt by auto. lia. }
      destruct H1 as [->|H1], H2 as [->|H2].
      - now apply No.
      - apply (X r r'); auto.
      - apply (X r' r); auto. now apply veq_sym.
      - apply IH; auto. }
    apply (K (acc s)); auto. now apply (I_hon _ I). apply acc_wf.
Qed.

(** 4. At-most-once execution. [eff] keeps the records whose operation was applied. *)
Fixpoint eff (ex : list cid) (h : list urec) : list urec :=
  match h with
  | [] => []
  | r :: t => if memc (r_cid r) ex then eff ex t else r :: eff (r_cid r :: ex) t
  end.

Definition run (r : urec) (v : Val) : Val := apply (r_cid r) (r_op r) (r_prev r) (r_ts r) v.

(** A service that does not care for further timestamps of what it has executed. *)
Definition plain : Prop := forall c o p t v, also c o p t v = v.

Lemma replay_eff h : plain -> forall ex v, replay ex v h = fold_left (fun v r => run r v) (eff ex h) v.
Proof.
  intros Pl. induction h as [|r h IH]; simpl; intros ex v; auto.
  destruct (memc (r_cid r) ex); simpl; [rewrite Pl|]; auto.
Qed.

Lemma eff_incl h : forall ex r, In r (eff ex h) -> In r h.
Proof.
  induction h as [|a h IH]; simpl; intros ex r H; auto. destruct (memc (r_cid a) ex); [right; eauto|].
  destruct H; [now left|right; eauto].
Qed.

Lemma eff_fresh h : forall ex r, In r (eff ex h) -> ~ In (r_cid r) ex.
Proof.
  induction h as [|a h IH]; simpl; intros ex r H; auto.
  destruct (memc (r_cid a) ex) eqn:E; [eauto|]. destruct H as [<-|H].
  - intros Hc. apply memc_spec in Hc. congruence.
  - apply IH in H. intros Hc; apply H; now right.
Qed.

Lemma eff_nodup h : forall ex, NoDup (map r_cid (eff ex h)).
Proof.
  induction h as [|a h IH]; simpl; intros ex; [constructor|].
  destruct (memc (r_cid a) ex) eqn:E; auto. simpl. constructor; auto.
  intros H. apply in_map_iff in H as [r [Er Hr]]. apply eff_fresh in Hr. apply Hr; left; auto.
Qed.

Lemma eff_complete h : forall ex r, In r h -> In (r_cid r) ex \/ In (r_cid r) (map r_cid (eff ex h)).
Proof.
  induction h as [|a h IH]; simpl; intros ex r H; [easy|]. destruct (memc (r_cid a) ex) eqn:E.
  - destruct H as [<-|H]; auto. left; now apply memc_spec.
  - simpl. destruct H as [<-|H]; auto. destruct (IH (r_cid a :: ex) r H) as [[?|?]|?]; auto.
Qed.

Theorem at_most_once i : i < nM ->
  let e := eff [] (hist s i) in
  val (rms s i) = replay [] v0 (hist s i) /\
  (plain -> val (rms s i) = fold_left (fun v r => run r v) e v0) /\
  NoDup (map r_cid e) /\
  (forall c, In c (map r_cid e) <-> exists r, In r (hist s i) /\ r_cid r = c).
Proof.
  intros Hi e. splits.
  - apply (loc i Hi).
  - intros Pl. unfold e. rewrite <- replay_eff by exact Pl. apply (loc i Hi).
  - apply eff_nodup.
  - intros c; split.
    + intros H. apply in_map_iff in H as [r [<- Hr]]. exists r; split; auto. eapply eff_incl; eauto.
    + intros [r [Hr <-]]. destruct (eff_complete _ [] r Hr) as [[]|?]; auto.
Qed.

(** 5. Causal order of execution: by timestamps, and by what sessions saw. *)
Theorem causal_order i l1 u2 l2 u1 : i < nM -> hist s i = l1 ++ u2 :: l2 ->
  In u1 (acc s) -> vle (r_ts u1) (r_prev u2) -> In u1 l1.
Proof. intros Hi E H1 H2. eapply (L_ord _ _ _ _ (loc i Hi)); eauto. Qed.

Theorem session_causal_order i l1 u l2 d : i < nM -> hist s i = l1 ++ u :: l2 ->
  In d (gdep s (r_cid u)) -> In d l1.
Proof.
  intros Hi E Hd.
  assert (Hu : In u (acc s)).
  { apply (L_corr _ _ _ _ (loc i Hi)). rewrite E. apply in_or_app; left. apply in_or_app; right; now left. }
  destruct (I_dep _ I u Hu d Hd). eapply causal_order; eauto.
Qed.

(** 6. A value is determined by its timestamp. *)
Theorem value_is_downset i r : i < nM ->
  In r (hist s i) <-> (In r (acc s) /\ vle (r_ts r) (vts (rms s i))).
Proof. intros Hi. eapply hist_is_downset; [apply acc_wf|apply (loc i Hi)|now apply I]. Qed.

Theorem convergence_of_sets i j : i < nM -> j < nM -> veq (vts (rms s i)) (vts (rms s j)) ->
  forall r, In r (hist s i) <-> In r (hist s j).
Proof.
  intros Hi Hj E r. rewrite !value_is_downset by assumption.
  split; intros [H1 H2]; split; auto; eapply vle_trans; eauto; apply veq_vle; auto. now apply veq_sym.
Qed.

(** 7. Convergence of values, when operations that are not causally related commute. *)
Definition before (c1 c2 : cid) : Prop :=
  exists r1 r2, In r1 (acc s) /\ In r2 (acc s) /\ r_cid r1 = c1 /\ r_cid r2 = c2 /\ vle (r_ts r1) (r_prev r2).

Definition key (r : urec) : cid * (Op * vec) := (r_cid r, (r_op r, r_prev r)).
Definition run_key (k : cid * (Op * vec)) (v : Val) : Val := apply (fst k) (fst (snd k)) (snd (snd k)) [] v.

(** A service that does not look at the timestamps of updates (it may look at their pasts). *)
Definition untimed : Prop := forall c o p t t' v, apply c o p t v = apply c o p t' v.

Lemma eff_split h : forall ex e1 r e2, eff ex h = e1 ++ r :: e2 ->
  exists l1 l2, h = l1 ++ r :: l2 /\ eff ex l1 = e1.
Proof.
  induction h as [|a h IH]; simpl; intros ex e1 r e2 H; [destruct e1; discriminate|].
  destruct (memc (r_cid a) ex) eqn:E.
  - destruct (IH _ _ _ _ H) as (l1 & l2 & -> & El). exists (a :: l1), l2. simpl. now rewrite E.
  - destruct e1 as [|b e1]; simpl in H; inversion H; subst.
    + exists [], h; auto.
    + destruct (IH _ _ _ _ H2) as (l1 & l2 & -> & El). exists (b :: l1), l2. simpl. rewrite E. now rewrite El.
Qed.

Lemma hist_acc i r : i < nM -> In r (hist s i) -> In r (acc s).
Proof. intros Hi H. now apply value_is_downset in H. Qed.

Lemma eff_respects i : i < nM ->
  respects (fun x y => before (fst x) (fst y)) (map key (eff [] (hist s i))).
Proof.
  intros Hi p y q E x Hx (r1 & r2 & H1 & H2 & C1 & C2 & Hle).
  apply map_eq_app in E as (e1 & e2' & Ee & <- & E2).
  apply map_eq_cons in E2 as (ry & e2 & -> & <- & _).
  destruct (eff_split _ _ _ _ _ Ee) as (l1 & l2 & Eh & El). simpl in C2.
  assert (Hry : In ry (acc s)).
  { apply (hist_acc i); auto. rewrite Eh. apply in_or_app; right; now left. }
  assert (Ep : r_prev r2 = r_prev ry).
  { pose proof (I_sub _ I _ H2) as A. pose proof (I_sub _ I _ Hry) as B. rewrite C2 in A. congruence. }
  rewrite Ep in Hle.
  assert (Hin : In r1 l1) by (eapply causal_order; eauto).
  destruct (eff_complete l1 [] r1 Hin) as [[]|Hc]. rewrite El in Hc.
  apply in_map_iff in Hc as (rx & Ex & Hrx).
  apply in_map_iff in Hx as (rx' & <- & Hrx').
  apply in_map_iff. exists rx. split; auto.
  assert (A1 : In rx (acc s)).
  { apply (hist_acc i); auto. apply (eff_incl _ []). rewrite Ee. apply in_or_app; now left. }
  assert (A2 : In rx' (acc s)).
  { apply (hist_acc i); auto. now apply (eff_incl _ []). }
  simpl in C1. pose proof (I_sub _ I _ A1) as S1. pose proof (I_sub _ I _ A2) as S2.
  unfold key. rewrite Ex, C1 in S1 |- *. rewrite S2 in S1. inversion S1. congruence.
Qed.

(** The law of services, in full: histories that order the same updates differently, but both causally,
    leave the same value. They hold what was recorded: of records that nobody made, none would be before another. *)
Definition law : Prop := forall h1 h2, NoDup h1 -> NoDup h2 -> incl h1 (acc s) -> (forall r, In r h1 <-> In r h2) ->
  ordered (acc s) h1 -> ordered (acc s) h2 -> replay [] v0 h1 = replay [] v0 h2.

Theorem convergence_by_law i j : i < nM -> j < nM -> veq (vts (rms s i)) (vts (rms s j)) -> law ->
  val (rms s i) = val (rms s j).
Proof.
  intros Hi Hj E C. rewrite (L_val _ _ _ _ (loc i Hi)), (L_val _ _ _ _ (loc j Hj)). apply C.
  - eapply nodup_app_l. apply (loc i Hi).
  - eapply nodup_app_l. apply (loc j Hj).
  - intros r. now apply hist_acc.
  - now apply convergence_of_sets.
  - apply (loc i Hi).
  - apply (loc j Hj).
Qed.

Theorem convergence_of_values i j : i < nM -> j < nM -> veq (vts (rms s i)) (vts (rms s j)) ->
  plain -> untimed ->
  (forall r r', In r (acc s) -> In r' (acc s) ->
     ~ before (r_cid r) (r_cid r') -> ~ before (r_cid r') (r_cid r) ->
     forall v, run r (run r' v) = run r' (run r v)) ->
  val (rms s i) = val (rms s j).
Proof.
  intros Hi Hj E Pl Un C.
  destruct (at_most_once i Hi) as (_ & Vi & Ni & Ki). destruct (at_most_once j Hj) as (_ & Vj & Nj & Kj).
  rewrite (Vi Pl), (Vj Pl).
  assert (Rk : forall r v, run r v = run_key (key r) v) by (intros; apply Un).
  assert (F : forall l v, fold_left (fun v r => run r v) l v = fold run_key (map key l) v).
  { unfold fold. induction l as [|a l IH]; simpl; intros v; auto. now rewrite Rk. }
  rewrite !F.
  assert (NK : forall l, NoDup (map r_cid l) -> NoDup (map key l)).
  { intros l N. apply NoDup_map_inv with (f := fst). rewrite map_map. exact N. }
  assert (Sub : forall a b, a < nM -> b < nM -> (forall r, In r (hist s a) -> In r (hist s b)) ->
     forall x, In x (map key (eff [] (hist s a))) -> In x (map key (eff [] (hist s b)))).
  { intros a b Ha Hb Hs x Hx. apply in_map_iff in Hx as (r & <- & Hr). apply eff_incl in Hr.
    destruct (eff_complete (hist s b) [] r (Hs _ Hr)) as [[]|Hc].
    apply in_map_iff in Hc as (r' & Ec & Hr'). apply in_map_iff. exists r'. split; auto.
    apply eff_incl in Hr'. apply hist_acc in Hr; auto. apply hist_acc in Hr'; auto.
    unfold key. pose proof (I_sub _ I _ Hr) as S1. pose proof (I_sub _ I _ Hr') as S2.
    rewrite Ec in *. rewrite S1 in S2. inversion S2. congruence. }
  apply causal_fold_unique with (bef := fun x y => before (fst x) (fst y)); auto.
  - intros x; split; apply Sub; auto; intros r; apply convergence_of_sets; auto. now apply veq_sym.
  - now apply eff_respects.
  - now apply eff_respects.
  - intros x y w Hx Hy _ B1 B2.
    apply in_map_iff in Hx as (rx & <- & Hx). apply in_map_iff in Hy as (ry & <- & Hy). simpl in *.
    rewrite <- !Rk. apply C; auto; apply (hist_acc i); auto; eapply eff_incl; eauto.
Qed.

(** 8. Queries: an answer is the replay of a causally closed, causally ordered set that
    contains everything the session had seen when it asked (read your writes, monotonic
    reads), and that set is determined by the timestamp of the answer. *)
Theorem query_consistency c v t d h : In (MQrep c v t d h) (net s) ->
  incl d h /\ v = replay [] v0 h /\ NoDup h /\ ordered (acc s) h /\
  (forall r, In r h <-> In r (acc s) /\ vle (r_ts r) t).
Proof.
  intros H. destruct (I_net _ I _ H) as (_ & _ & A & B & C & D). pose proof (answers_once s HR _ _ _ _ _ H). auto.
Qed.

(** A query can be answered only by a replica that has executed all the session saw. *)
Theorem query_waits i c prev d : i < nM -> In (MQry c prev d) (net s) ->
  vle prev (vts (rms s i)) -> incl d (hist s i).
Proof.
  intros Hi H Hle r Hr. destruct (I_net _ I _ H r Hr) as [H1 H2].
  apply value_is_downset; auto. split; auto. eapply vle_trans; eauto.
Qed.

(** What is answered to an update is in a log, and the answer covers it: no acknowledged update is lost. *)
Theorem replied_is_recorded c t d : In (MRep c t d) (net s) ->
  exists r, In r (acc s) /\ r_cid r = c /\ vle (r_ts r) t.
Proof.
  intros H. destruct (I_net _ I _ H) as (A & _ & r & Hr & Hc). destruct (A r Hr). eauto.
Qed.

(** 9. The log holds exactly what was received and not discarded; what was discarded has reached everyone
    whose need it was kept for: all, or (for a read-only replica manager) all that take updates. *)
Theorem log_exact i r : i < nM ->
  In r (pend (rms s i) ++ done (rms s i)) <-> (received s i r /\ get (gone (rms s i)) (r_org r) < r_seq r).
Proof.
  intros Hi. pose proof (loc i Hi) as L. unfold received. split.
  - intros H. split; [|now apply (L_above _ _ _ _ L)]. apply in_app_or in H as [H|H]; auto.
    left. now apply (L_done _ _ _ _ L).
  - intros [[H|H] Hg]; apply in_or_app; auto. destruct (L_log _ _ _ _ L r H); auto. lia.
Qed.

Theorem gc_safe i r : i < nM -> received s i r -> ~ In r (pend (rms s i) ++ done (rms s i)) ->
  forall j, j < nM -> member s j -> minds i j -> received s j r.
Proof.
  intros Hi Hr Hn j Hj Hj' Hm. pose proof Hr as Hr'. apply replica_ts_correct in Hr' as [H1 H2]; auto.
  apply replica_ts_correct; auto. split; auto.
  destruct (le_lt_dec (r_seq r) (get (gone (rms s i)) (r_org r))) as [Hg|Hg].
  - pose proof (I_gone _ I i j Hi Hj Hj' Hm (r_org r) (proj1 (acc_wf r H1))). lia.
  - exfalso. apply Hn, log_exact; auto.
Qed.

Lemma beyond_spec i v r : i < nM ->
  In r (beyond (rms s i) v) <-> (In r (pend (rms s i) ++ done (rms s i)) /\ get v (r_org r) < r_seq r).
Proof.
  intros Hi. pose proof (loc i Hi) as L.
  assert (Lr : forall x, In x (pend (rms s i) ++ done (rms s i)) ->
            In x (acc s) /\ r_seq x <= get (rts (rms s i)) (r_org x)).
  { intros x Hx. apply log_exact in Hx as [Hx _]; auto. now apply replica_ts_correct in Hx. }
  unfold beyond. rewrite in_flat_map. split.
  - intros (o & _ & H). apply in_flat_map in H as (k & Hk & H). apply in_seq in Hk.
    destruct (find _ _) as [x|] eqn:F; [|easy]. destruct H as [<-|[]]. apply find_some in F as [F1 F2].
    apply andb_true_iff in F2 as [F2 F3]. apply Nat.eqb_eq in F2, F3. subst. split; auto. lia.
  - intros [Hl Hg]. destruct (Lr r Hl) as [Ha Hle]. exists (r_org r). split.
    + apply in_seq. pose proof (proj1 (acc_wf r Ha)). lia.
    + apply in_flat_map. exists (r_seq r). split; [apply in_seq; lia|].
      destruct (find _ _) as [x|] eqn:F.
      * apply find_some in F as [F1 F2]. apply andb_true_iff in F2 as [F2 F3]. apply Nat.eqb_eq in F2, F3.
        left. apply (I_uniq _ I); auto. now apply Lr.
      * exfalso. apply (find_none _ _ F) in Hl. now rewrite !Nat.eqb_refl in Hl.
Qed.

(** Whoever lacks an update gets it from whoever made it; or, when that one was replaced, from its heir. *)
Theorem origin_resends j r asks relays : j < nM -> member s j -> In r (acc s) -> ~ received s j r ->
  let o := heir s (r_org r) in In r (g_log (make_gossip (rms s o) j (tget (rms s o) j) asks relays)).
Proof.
  intros Hj Hmj Hr Hn o. destruct (I_wf _ I r Hr) as [W Ht]. assert (Ho : r_org r < nR) by apply W.
  pose proof (I_most _ I _ Ho) as Hh. destruct (heir_in s (r_org r) I (nR_nM _ Ho)) as [HoM Hmo]. fold o in
    Hh, HoM, Hmo.
  assert (Hmi : minds o j).
  { left. destruct (I_heir _ I _ (nR_nM _ Ho)) as (_ & _ & [X|X]); unfold o; [now rewrite X|exact X]. }
  assert (Hlt : get (rts (rms s j)) (r_org r) < r_seq r).
  { destruct (le_lt_dec (r_seq r) (get (rts (rms s j)) (r_org r))); auto.
    exfalso; apply Hn, replica_ts_correct; auto. }
  apply beyond_spec; auto. split.
  - apply log_exact; auto. split; [apply replica_ts_correct; auto; split; auto; lia|].
    pose proof (I_gone _ I o j HoM Hj Hmj Hmi (r_org r) Ho). lia.
  - pose proof (I_tbl _ I o j HoM Hj Hmj (r_org r) Ho). lia.
Qed.

(** 9b. Safety of executed-table collection: once a replica manager has forgotten an identifier, everyone
    who takes updates refuses it, and every record that carries it has been executed here. So at-most-once
    (4) holds with a bounded table, and without clocks. *)
Theorem egc_safe i c : i < nM -> In c (map r_cid (hist s i)) -> ~ In c (keys (rms s i)) ->
  (forall k, k < nR -> member s k -> known (rms s k) c = true) /\
  (forall r, In r (acc s) -> r_cid r = c -> In r (hist s i)).
Proof.
  intros Hi Hc Hn. destruct (I_dead _ I i c Hi Hc Hn) as [D1 D2]. split; auto.
  intros k Hk Hmk. unfold known, finished. specialize (D1 k Hk Hmk). apply Nat.ltb_lt in D1. now rewrite D1.
Qed.

(** 9c. For timestamps that come from the system, "received" and "executed" agree at the end of
    a step: testing prev <= replicaTS (Ladin et al.) and prev <= valueTS (the lecture) is the same. *)
Theorem replica_test_is_value_test i v : lied s = false -> i < nM -> Gen (acc s) v ->
  vle v (rts (rms s i)) -> vle v (vts (rms s i)).
Proof.
  intros Hl0 Hi G Hle c Hc. destruct (G c Hc) as [->|(r & Hr & Hrv & <-)]; [lia|].
  assert (K : forall l, incl l (acc s) -> GenOrd l -> forall r, In r l ->
              vle (r_ts r) (rts (rms s i)) -> In r (hist s i)).
  { induction l as [|a l IH]; simpl; intros Hl Go x Hx Hxle; [easy|]. destruct Go as (G1 & _ & G3).
    assert (IHl : forall r, In r l -> vle (r_ts r) (rts (rms s i)) -> In r (hist s i)).
    { apply IH; auto. intros y Hy; apply Hl; now right. }
    destruct Hx as [<-|Hx]; auto.
    assert (Ha : In a (acc s)) by (apply Hl; now left).
    destruct (covered_received i a Hi Ha Hxle) as [?|Hp]; auto. exfalso.
    apply (I_fix _ I i Hi a Hp). intros d Hd. destruct (G1 d Hd) as [->|(y & Hy & Hyle & <-)]; [lia|].
    apply (L_hv _ _ _ _ (loc i Hi)); auto. apply IHl; auto.
    eapply vle_trans; [exact Hyle|]. eapply vle_trans; [apply WF_prev_ts; now apply acc_wf|exact Hxle]. }
  apply (L_hv _ _ _ _ (loc i Hi)); auto. apply (K (acc s)); auto; [apply incl_refl|now apply (I_hon _ I)|].
  eapply vle_trans; eauto.
Qed.

(** 10. What runs is determined by what was received, whatever front ends claimed: who has received the same
    has the same value timestamp. *)
Lemma more_received i j : i < nM -> j < nM -> (forall r, received s i r -> received s j r) ->
  incl (hist s i) (hist s j) /\ vle (vts (rms s i)) (vts (rms s j)).
Proof.
  intros Hi Hj Hr. pose proof (loc i Hi) as Li. pose proof (loc j Hj) as Lj.
  assert (G : forall l v, incl l (hist s j) -> Gen l v -> vle v (vts (rms s j))).
  { intros l v Hl Gv c Hc. destruct (Gv c Hc) as [->|(r & H & _ & <-)]; [lia|]. now apply (L_hv _ _ _ _ Lj r
    (Hl r H)). }
  assert (K : forall l1 l2, hist s i = l1 ++ l2 -> incl l1 (hist s j)).
  { induction l1 as [|r l1 IH] using rev_ind; intros l2 E; [intros x []|]. rewrite <- app_assoc in E. simpl
    in E.
    specialize (IH (r :: l2) E). intros x Hx. apply in_app_or in Hx as [Hx|[<-|[]]]; auto.
    destruct (L_past _ _ _ _ Li l1 r l2 E) as (v & Gv & Hv).
    destruct (Hr r) as [?|Hp]; auto; [left; rewrite E; apply in_or_app; right; now left|].
    exfalso. apply (I_fix _ I j Hj r Hp). eapply vle_trans; eauto. }
  assert (Hh : incl (hist s i) (hist s j)) by (apply (K _ []); now rewrite app_nil_r).
  split; auto. apply (G (hist s i)); auto. apply Li.
Qed.

Theorem same_received_same_value_ts i j : i < nM -> j < nM -> (forall r, received s i r <-> received s j r) ->
  veq (vts (rms s i)) (vts (rms s j)).
Proof.
  intros Hi Hj H c Hc. apply Nat.le_antisymm; apply more_received; auto; intros; now apply H.
Qed.

(** And if no front end lied and nobody was replaced, nothing gets stuck: who has received everything has
    executed everything. *)
Theorem nothing_stuck i : lied s = false -> i < nM -> (forall r, In r (acc s) -> received s i r) ->
  pend (rms s i) = [].
Proof.
  intros Hl0 Hi Hrec.
  assert (K : forall l, incl l (acc s) -> GenOrd l -> forall r, In r l -> In r (hist s i)).
  { induction l as [|a l IH]; simpl; intros Hl G r Hr; [easy|]. destruct G as (G1 & _ & G3).
    assert (IHl : forall r, In r l -> In r (hist s i)).
    { apply IH; auto. intros x Hx; apply Hl; now right. }
    destruct Hr as [<-|Hr]; auto.
    assert (Ha : In a (acc s)) by (apply Hl; now left).
    destruct (Hrec a Ha) as [?|Hp]; auto. exfalso.
    apply (I_fix _ I i Hi a Hp). intros c Hc. destruct (G1 c Hc) as [->|(x & Hx & _ & Ex)]; [lia|].
    rewrite <- Ex. apply (L_hv _ _ _ _ (loc i Hi) x (IHl x Hx) c Hc). }
  destruct (pend (rms s i)) as [|a l] eqn:E; auto. exfalso.
  assert (Ha : In a (acc s)).
  { apply (loc i Hi). rewrite E. apply in_or_app; right; now left. }
  pose proof (L_nd _ _ _ _ (loc i Hi)) as N. rewrite E in N. apply NoDup_remove_2 in N.
  apply N, in_or_app; left. apply (K (acc s)); auto; [apply incl_refl|now apply (I_hon _ I)].
Qed.

(** 11. What members hold survives a replacement: lost is only what no survivor held. A survivor goes on with
    its replica, a newcomer begins with a survivor's. *)
Theorem replacement_loses_only src new late : replaces s src new late ->
  let s' := replaced s src new late in
  (forall r, In r (acc s') <-> In r (acc s) /\ exists i, survivor s src i /\ received s i r) /\
  (forall i, i < nM -> hist s' i = hist s (src i) /\ val (rms s' i) = val (rms s (src i)) /\
     forall r, received s' i r <-> received s (src i) r) /\
  (forall i, survivor s src i -> member s' i /\ hist s' i = hist s i /\ rms s' i = rms s i).
Proof.
  intros W s'. splits.
  - intros r. unfold s'. cbn [acc replaced]. rewrite in_only. split; intros [Hr H]; split; auto.
    + assert (Ho : r_org r < nR) by now apply acc_wf. destruct (W_src _ _ _ _ W (r_org r) (nR_nM _ Ho)) as
        [Sv _].
      exists (src (r_org r)). split; auto. apply replica_ts_correct; [apply Sv|]. split; auto. now apply
        Nat.leb_le.
    + destruct H as (i & (Hi & _ & E) & H). apply (kept_held s src new late I W i r Hi). rewrite E. now apply
        in_or_app.
  - intros i Hi. destruct (rms_same s src new late i) as (_ & _ & _ & _ & Ev & Ep). splits; auto.
    intros r. unfold received, s'. now rewrite Ep.
  - intros i (Hi & Hm & E). unfold member, s'. simpl. rewrite E, Nat.eqb_refl. now destruct (new i).
Qed.
End Theorems.
