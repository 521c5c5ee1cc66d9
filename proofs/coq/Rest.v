(** How the cluster comes to rest. What handlers leave undone: nothing. No query that can be answered waits on,
    nothing that may be discarded stays, and who knows that all have everything says nothing. And in the end, if
    updates stop and gossip is fair, everyone knows it. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Theorems Fragments
  Progress Simulation.

Section Rest.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation rm := (@rm Op Val).
Notation st := (@st Op Val).
Notation mgr := (@mgr Op Val).
Notation work := (@work Op Val).
Notation out := (@out Op Val).
Variable C : cfg.

(** ** After every handler *)

(** No query waits that can be answered. *)
Definition patient (m : mgr) : Prop := forall c prev, In (c, prev) (waiting m) -> on_query (core m) prev = None.
(** Nothing may be discarded that is not. *)
Definition thrifty (m : mgr) : Prop := collects (counted C (core m)) (core m) = None.
Definition rests (m : mgr) : Prop := patient m /\ thrifty m.

(** Every query that waited in [m] waits in [w] still, or is answered there. *)
Definition answers (m : mgr) (w : work) : Prop := forall c prev, In (c, prev) (waiting m) ->
  In (c, prev) (waiting (now w)) \/ exists v t, In (OAnswer c v t) (sent w).

Lemma answer_all l : forall (w : work) k, exists w', fold_left answer_one l (w, k) =
    (w', k ++ filter (fun x => match on_query (core_of w) (snd x) with None => true | _ => false end) l) /\
  core_of w' = core_of w /\ owed (now w') = owed (now w) /\ unsent (now w') = unsent (now w) /\
  incl (sent w) (sent w') /\
  forall c prev v t, In (c, prev) l -> on_query (core_of w) prev = Some (v, t) -> In (OAnswer c v t) (sent w').
Proof.
  induction l as [|[c prev] l IH]; simpl; intros w k.
  - exists w. rewrite app_nil_r. splits; auto using incl_refl. intros; easy.
  - unfold answer. destruct (on_query (core_of w) prev) as [[v t]|] eqn:E.
    + destruct (IH (emit (OAnswer c v t) w) k) as (w' & F & A & A1 & A2 & B & D).
      change (core_of (emit (OAnswer c v t) w)) with (core_of w) in *. exists w'. splits; auto.
      * intros x Hx. apply B. simpl. apply in_or_app. now left.
      * intros c' p' v' t' [H|H] Hq; [|eauto]. inversion H; subst. rewrite E in Hq. inversion Hq; subst.
        apply B. simpl. apply in_or_app. right. now left.
    + destruct (IH w (k ++ [(c, prev)])) as (w' & F & A & A1 & A2 & B & D). exists w'. splits; auto.
      * rewrite F, <- app_assoc. reflexivity.
      * intros c' p' v' t' [H|H] Hq; [|eauto]. inversion H; subst. congruence.
Qed.

Lemma answer_waiting_ok (w : work) : core_of (answer_waiting w) = core_of w /\
  owed (now (answer_waiting w)) = owed (now w) /\ incl (sent w) (sent (answer_waiting w)) /\
  patient (now (answer_waiting w)) /\
  (forall m, answers m w -> answers m (answer_waiting w)).
Proof.
  unfold answer_waiting. destruct (answer_all (waiting (now w)) w []) as (w' & F & A & A1 & A2 & B & D).
  rewrite F. simpl. splits; auto.
  - intros c prev H. apply filter_In in H as [_ H]. simpl in H. unfold core_of in A. simpl. rewrite A.
    unfold core_of in H. destruct (on_query (core (now w)) prev); [discriminate|auto].
  - intros m Hm c prev H. destruct (Hm c prev H) as [Hw|(v & t & Hs)]; [|right; exists v, t; auto].
    destruct (on_query (core_of w) prev) as [[v t]|] eqn:E; [right; exists v, t; eauto|left].
    apply filter_In. split; auto. simpl. now rewrite E.
Qed.

Lemma collect_ok (w : work) : thrifty (now (do_collect C w)) /\ waiting (now (do_collect C w)) = waiting (now w) /\
  owed (now (do_collect C w)) = owed (now w) /\ sent (do_collect C w) = sent w.
Proof.
  unfold thrifty, do_collect. destruct (collects (counted C (core_of w)) (core_of w)) as [u|] eqn:E; [|splits; auto].
  splits; auto. simpl. unfold collects in *.
  set (u' := discardable (counted C (core_of w)) (core_of w)) in *.
  destruct (vleb nR u' (gone (core_of w))); [discriminate|]. inversion E; subst u.
  change (discardable (counted C (discard (core_of w) u')) (discard (core_of w) u')) with u'.
  cbn [gone discard]. replace (vleb nR u' (vmax nR (gone (core_of w)) u')) with true; auto. symmetry. apply vleb_spec, vle_vmax_r.
Qed.

Lemma gossip_same j (w : work) : core_of (gossip C j w) = core_of w /\ waiting (now (gossip C j w)) = waiting
  (now w) /\
  incl (sent w) (sent (gossip C j w)).
Proof. splits; auto. intros x Hx. simpl. apply in_or_app. now left. Qed.

Lemma batch_same (w : work) : core_of (send_full_batch C w) = core_of w /\
  waiting (now (send_full_batch C w)) = waiting (now w) /\ incl (sent w) (sent (send_full_batch C w)).
Proof.
  unfold send_full_batch. destruct (_ && _); [|splits; auto using incl_refl].
  assert (G : forall l w, core_of (fold_left (fun w j => gossip C j w) l w) = core_of w /\
     waiting (now (fold_left (fun w j => gossip C j w) l w)) = waiting (now w) /\
     incl (sent w) (sent (fold_left (fun w j => gossip C j w) l w))).
  { induction l as [|j l IH]; simpl; intros x; [splits; auto using incl_refl|].
    destruct (IH (gossip C j x)) as (A & B & D), (gossip_same j x) as (A' & B' & D'). rewrite A, B.
    splits; auto. eapply incl_tran; eauto. }
  apply (G (partners C) (with_ctl (waiting (now w)) (owed (now w)) 0 w)).
Qed.

(** What comes last in the handlers of updates and gossip. *)
Lemma end_ok m (w w' : work) : answers m w -> core_of w' = core_of (answer_waiting (do_collect C w)) ->
  waiting (now w') = waiting (now (answer_waiting (do_collect C w))) ->
  incl (sent (answer_waiting (do_collect C w))) (sent w') -> rests (now w') /\ answers m w'.
Proof.
  intros Hm Ec Ew Hs. destruct (collect_ok w) as (T & W & _ & S).
  destruct (answer_waiting_ok (do_collect C w)) as (A & _ & B & Pt & D).
  assert (Hc : answers m (do_collect C w)) by (intros c prev H; rewrite W, S; now apply Hm).
  unfold core_of in *. unfold rests. splits.
  - intros c prev H. rewrite Ec. apply (Pt c). now rewrite <- Ew.
  - unfold thrifty. rewrite Ec, A. exact T.
  - intros c prev H. rewrite Ew. destruct (D m Hc c prev H) as [X|(v & t & X)]; auto. right. exists v, t. auto.
Qed.

Lemma answers_start m : answers m (start m).
Proof. intros c prev H. now left. Qed.

Theorem update_rests m q : rests m -> rests (now (on_update C m q)) /\ answers m (on_update C m q).
Proof.
  intros R. unfold on_update. destruct (known _ _).
  { destruct (if finished _ _ then _ else _); split; auto; now intros c p H; left. }
  destruct (negb (updatable _)); [split; auto; now intros c p H; left|].
  destruct (negb (plausible _ _)); [split; auto; now intros c p H; left|].
  destruct (_ && _); [split; auto; now intros c p H; left|].
  set (w := reply _ _ _).
  destruct (batch_same (answer_waiting (do_collect C w))) as (A & B & D).
  apply (end_ok m w); auto.
  intros c p H. left. unfold w, record, pull_for. simpl.
  destruct (first_beyond _ _); [destruct (_ && _)|]; simpl; unfold do_commit; destruct (commit _ _); exact H.
Qed.

Theorem gossip_rests m g : rests m -> rests (now (on_gossip C m g)) /\ answers m (on_gossip C m g).
Proof.
  intros R. unfold on_gossip. destruct (_ && _); [split; auto; now intros c p H; left|].
  set (w1 := with_ctl _ _ _ (start m)). destruct (take _ _ _) as [v l].
  set (w2 := match l with [] => w1 | _ => _ end).
  apply (end_ok m (with_core (learn (core_of w2) g) w2)); auto using incl_refl.
  intros c p H. left. simpl. unfold w2. destruct l; [exact H|]. unfold do_commit. now destruct (commit _ _).
Qed.

Lemma in_wput c prev l x : In x (wput c prev l) -> x = (c, prev) \/ In x l.
Proof.
  induction l as [|[d p] l IH]; simpl; [intuition|]. destruct (ceqb c d); [|destruct (_ || _)]; simpl;
    intuition.
Qed.

Theorem query_rests m c prev : rests m -> rests (now (on_query_message C m c prev)).
Proof.
  intros [Pm Tm]. unfold on_query_message, answer. destruct (on_query (core_of (start m)) prev) as [[v t]|]
    eqn:E.
  { now split. }
  destruct (_ && _); [now split|].
  assert (X : core_of (pull_for C prev (start m)) = core m /\ waiting (now (pull_for C prev (start m))) =
    waiting m).
  { unfold pull_for. destruct (first_beyond _ _); [destruct (_ && _)|]; now split. }
  destruct X as (X1 & X2). split.
  - intros d p H. simpl in H. rewrite X2 in H. simpl. unfold core_of in X1. rewrite X1.
    apply in_wput in H as [H|H]; [inversion H; subst; exact E|now apply (Pm d)].
  - unfold thrifty. simpl. unfold core_of in X1. now rewrite X1.
Qed.

Theorem pull_rests m j t : rests m -> rests (now (on_pull C m j t)).
Proof. intros R. unfold on_pull. destruct (vleb _ _ _); exact R. Qed.

Theorem timer_rests m j : rests m -> rests (now (on_gossip_timer C m j)).
Proof. intros R. unfold on_gossip_timer. destruct (has_reason _ _ _); exact R. Qed.

Lemma floor_le (rows : nat -> vec) l : forall v, vle (fold_left (fun f k => vmin nR f (rows k)) l v) v /\
  forall k, In k l -> vle (fold_left (fun f k => vmin nR f (rows k)) l v) (rows k).
Proof.
  induction l as [|x l IH]; simpl; intros v; [split; [apply vle_refl|intros k []]|].
  destruct (IH (vmin nR v (rows x))) as [A B]. split.
  - eapply vle_trans; [exact A|apply vle_vmin_l].
  - intros k [<-|Hk]; auto. eapply vle_trans; [exact A|apply vle_vmin_r].
Qed.

Theorem start_rests (s : rm) : collects (counted C s) s = None -> rests (on_start C s).
Proof.
  intros H. split; [intros c p []|]. unfold thrifty, collects in *. simpl core.
  change (gone (begins C s)) with (gone s). change (counted C (begins C s)) with (counted C s).
  destruct (vleb nR (discardable (counted C s) s) (gone s)) eqn:E; [|discriminate].
  apply vleb_spec in E. replace (vleb nR (discardable (counted C s) (begins C s)) (gone s)) with true; auto.
  symmetry. apply vleb_spec. unfold discardable in *. change (prefix (begins C s)) with (prefix s).
  destruct (counted C s) as [|k l] eqn:N; [exact E|].
  eapply vle_trans; [apply (floor_le (tget (begins C s)) (k :: l)); now left|].
  assert (Hk : In k (counted C s)) by (rewrite N; now left). apply filter_In in Hk as [Hk _].
  unfold needed, peers in Hk. apply filter_In in Hk as [Hk _]. apply filter_In in Hk as [Hk _].
  apply in_seq in Hk. rewrite begins_row by lia. destruct (_ || _); [apply vle_nil|]. rewrite restart_row by lia.
  destruct (keeps s k); [apply vle_refl|apply vle_nil].
Qed.

Theorem first_rests i : rests (on_start C (rm0 i)).
Proof. 
  apply start_rests. unfold collects. replace (vleb nR _ _) with true; auto. symmetry. apply vleb_spec.
  unfold discardable. intros c Hc. eapply Nat.le_trans; [apply (proj1 (floor_le _ _ _) c Hc)|]. unfold
    prefix. rewrite get_tab by assumption. simpl.
  now rewrite !get_nil.
Qed.

(** ** Silence *)

(** It knows that everyone for whom it keeps records has all that it has. *)
Definition knows_all (m : mgr) : Prop :=
  forall j, In j (needed (core m)) -> vle (rts (core m)) (tget (core m) j).
(** Partners are such. (A read-only manager has none.) *)
Definition apt (m : mgr) : Prop := forall j, In j (partners C) -> keeps (core m) j = true.
Definition owes_nothing (m : mgr) : Prop := forall j, is_owed m j = false.

Lemma floor_ge (rows : nat -> vec) u l : forall v, vle u v -> (forall k, In k l -> vle u (rows k)) ->
  vle u (fold_left (fun f k => vmin nR f (rows k)) l v).
Proof.
  induction l as [|x l IH]; simpl; intros v Hv H; auto. apply IH; auto.
  intros c Hc. rewrite get_vmin by assumption. pose proof (Hv c Hc). pose proof (H x (or_introl eq_refl) c
    Hc). lia.
Qed.

Lemma is_needed (s : rm) j : In j (needed s) <-> j < nM /\ j <> me s /\ keeps s j = true.
Proof.
  unfold needed, peers. rewrite !filter_In, in_seq, negb_true_iff, Nat.eqb_neq. intuition lia.
Qed.

Lemma all_known (m : mgr) j : knows_all m -> In j (needed (core m)) ->
  vleb nR (rts (core m)) (known_through C (core m) j) = true.
Proof.
  intros K Hj. apply vleb_spec. unfold known_through. destruct (relays C); [|now apply K].
  apply floor_ge; [now apply K|]. intros k Hk. apply filter_In in Hk as [Hk _]. now apply K.
Qed.

Lemma no_reason (m : mgr) j : knows_all m -> apt m -> j < nM -> j <> me (core m) -> own_reason C (core m) j =
  false.
Proof.
  intros K A Hj Hn. unfold own_reason.
  destruct (drains (core m) j || existsb (Nat.eqb j) (partners C)) eqn:E; [simpl|reflexivity].
  assert (Hk : keeps (core m) j = true).
  { apply orb_true_iff in E as [E|E].
    - unfold drains in E. apply andb_true_iff in E as [E _]. now apply andb_true_iff in E as [_ E].
    - apply existsb_exists in E as (k & Hk & E). apply Nat.eqb_eq in E as <-. now apply A. }
  rewrite all_known; auto. now apply is_needed.
Qed.

(** Its timer then makes it send nothing of its own accord. *)
Theorem silent_timer m j : knows_all m -> apt m -> j < nM -> j <> me (core m) -> is_owed m j = false ->
  on_gossip_timer C m j = start m.
Proof.
  intros K A Hj Hn Ho. unfold on_gossip_timer, has_reason. rewrite Ho. simpl. now rewrite no_reason.
Qed.

Lemma owed_set j b l k : k < nM -> nth k (set_owed j b l) false = if k =? j then b else nth k l false.
Proof. intros Hk. unfold set_owed. now rewrite nth_map_seq. Qed.

(** It owes one receipt to each message that asks for it, and a receipt asks for none. *)
Theorem one_receipt m j : knows_all m -> j < nM -> In j (needed (core m)) -> is_owed m j = true ->
  let w := on_gossip_timer C m j in
  exists g, sent w = [OGossip g] /\ g_asks g = false /\ core (now w) = core m /\
    is_owed (now w) j = false /\ forall k, k < nM -> k <> j -> is_owed (now w) k = is_owed m k.
Proof.
  intros K Hj Hn Ho w. unfold w, on_gossip_timer, has_reason. rewrite Ho. simpl orb. cbn iota. simpl.
  eexists. splits; [reflexivity| | | |].
  - simpl. unfold core_of. simpl. now rewrite all_known.
  - reflexivity.
  - unfold is_owed. cbn [owed]. rewrite owed_set by assumption. now rewrite Nat.eqb_refl.
  - intros k Hk Hkj. unfold is_owed. cbn [owed]. rewrite owed_set by assumption. apply Nat.eqb_neq in Hkj.
      now rewrite Hkj.
Qed.

Lemma take_nothing claimed (l : list (@urec Op)) v : (forall r, In r l -> r_seq r <= get v (r_org r)) ->
  take claimed v l = (v, []).
Proof.
  induction l as [|r l IH]; simpl; intros H; auto. replace (r_seq r =? S (get v (r_org r))) with false.
  - simpl. auto.
  - symmetry. apply Nat.eqb_neq. specialize (H r (or_introl eq_refl)). lia.
Qed.

(** Nor do messages that bring nothing new make it send anything at once. *)
Theorem silent_gossip m g : knows_all m -> apt m -> rests m -> owes_nothing m -> vle (g_ts g) (rts (core m)) ->
  (forall r, In r (g_log g) -> r_seq r <= get (rts (core m)) (r_org r)) -> me (core m) < nM ->
  let w := on_gossip C m g in
  sent w = [] /\ knows_all (now w) /\ val (core (now w)) = val (core m) /\ rts (core (now w)) = rts (core m) /\
  (forall j, j < nM -> is_owed (now w) j = true -> j = g_src g /\ g_asks g = true).
Proof.
  intros K A [Pm Tm] Ow Hts Hlog Hme w. unfold w, on_gossip.
  replace (updatable (me (core m)) && (get (rts (core m)) (me (core m)) <? get (g_ts g) (me (core m)))) with
    false.
  2:{ symmetry. apply andb_false_iff. unfold updatable.
      destruct (Nat.ltb_spec (me (core m)) nR) as [Hr|Hr]; [right|left; reflexivity].
      apply Nat.ltb_ge. now apply Hts. }
  set (owes := is_owed m (g_src g) || _). rewrite (take_nothing _ _ _ Hlog). cbn iota.
  set (w1 := with_ctl _ _ _ (start m)). change (core_of w1) with (core m).
  set (w2 := with_core (learn (core m) g) w1).
  assert (K2 : knows_all (now w2)).
  { intros j Hj. apply is_needed in Hj as (H1 & H2 & H3). change (keeps (core m) j = true) in H3.
    change (rts (core (now w2))) with (rts (core m)).
    assert (Kj : vle (rts (core m)) (tget (core m) j)) by (apply K; now apply is_needed).
    eapply vle_trans; [exact Kj|]. unfold tget at 2, w2, learn. simpl tbl. rewrite nth_map_seq by assumption.
    change (rts (core_of w1)) with (rts (core m)).
    destruct (g_comp g && vleb nR (g_ts g) (rts (core m))); [|apply vle_refl]. eapply vle_trans; [|apply
      vle_vmax_l].
    destruct (j =? g_src g); [apply vle_vmax_l|apply vle_refl]. }
  destruct (collect_ok w2) as (T3 & W3 & O3 & S3). set (w3 := do_collect C w2) in *.
  assert (C3 : rts (core_of w3) = rts (core m) /\ val (core_of w3) = val (core m) /\ vts (core_of w3) = vts
    (core m) /\
            me (core_of w3) = me (core m) /\ tbl (core_of w3) = tbl (core_of w2)).
  { unfold w3, do_collect. destruct (collects _ (core_of w2)); splits; reflexivity. }
  destruct C3 as (R3 & V3 & Vt3 & M3 & B3).
  assert (Aw : answer_waiting w3 = w3).
  { unfold answer_waiting.
    assert (N : forall l k, (forall c p, In (c, p) l -> on_query (core m) p = None) ->
              fold_left answer_one l (w3, k) = (w3, k ++ l)).
    { induction l as [|[c p] l IH]; simpl; intros k Hl; [now rewrite app_nil_r|]. unfold answer.
      assert (Q : on_query (core_of w3) p = None).
      { pose proof (Hl c p (or_introl eq_refl)) as Q. unfold on_query in *. rewrite V3, Vt3. exact Q. }
      rewrite Q, IH by eauto. now rewrite <- app_assoc. }
    rewrite N by (rewrite W3; exact Pm). destruct w3 as [[]]; reflexivity. }
  rewrite Aw. unfold drop_needless_receipts. simpl. splits.
  - rewrite S3. reflexivity.
  - intros j Hj. unfold core_of in R3, B3, M3. cbn [core] in *. rewrite R3. unfold tget. rewrite B3. apply K2.
    apply is_needed in Hj as (H1 & H2 & H3). apply is_needed. unfold keeps in *. cbn [me core] in *. rewrite
      M3 in *.
    splits; auto.
  - exact V3.
  - exact R3.
  - intros j Hj H. unfold is_owed in H. cbn [owed] in H. rewrite nth_map_seq in H by assumption.
    apply andb_true_iff in H as [H _]. rewrite O3 in H. unfold w2, w1 in H. simpl in H. rewrite owed_set in H
      by assumption.
    destruct (Nat.eqb_spec j (g_src g)) as [->|Hn].
    + split; auto. unfold owes in H. rewrite Ow in H. simpl in H. now apply andb_true_iff in H as [H _].
    + exfalso. pose proof (Ow j) as X. unfold is_owed in X. congruence.
Qed.

(** ** What is left *)

(** Of who knows that all have everything, the log holds only what waits, and what is behind that. *)
Theorem log_is_least (s : st) i m : reach s -> i < nM -> rms s i = core m -> thrifty m -> knows_all m ->
  (forall r, In r (done (core m)) -> get (prefix (core m)) (r_org r) < r_seq r) /\
  (pend (core m) = [] -> done (core m) = []).
Proof.
  intros R Hi Hm T K. pose proof (loc s R i Hi) as L. rewrite Hm in L. pose proof (reach_inv s R) as I.
  assert (G : vle (prefix (core m)) (gone (core m))).
  { unfold thrifty, collects in T. destruct (vleb nR (discardable (counted C (core m)) (core m)) (gone (core m))) eqn:E;
    [|discriminate].
    apply vleb_spec in E. eapply vle_trans; [|exact E]. unfold discardable. apply floor_ge; [apply vle_refl|].
    intros k Hk. apply filter_In in Hk as [Hk _]. eapply vle_trans; [apply prefix_rts|now apply K]. }
  assert (A : forall r, In r (done (core m)) -> get (prefix (core m)) (r_org r) < r_seq r).
  { intros r Hr. assert (Ho : r_org r < nR).
    { assert (Ha : In r (acc s)); [|now apply (I_wf _ I r Ha)]. apply (L_corr _ _ _ _ L), in_or_app. left.
      now apply (L_done _ _ _ _ L). }
    specialize (G _ Ho). pose proof (L_above _ _ _ _ L r ltac:(apply in_or_app; now right)). lia. }
  split; auto. intros Hp. destruct (done (core m)) as [|r l] eqn:D; auto. exfalso.
  specialize (A r (or_introl eq_refl)). unfold prefix in A. rewrite Hp in A. simpl in A.
  assert (Hin : In r (hist s i ++ pend (core m))).
  { apply in_or_app. left. apply (L_done _ _ _ _ L). rewrite D. now left. }
  apply (L_corr _ _ _ _ L) in Hin as [Ha Hl]. pose proof (proj1 (proj1 (I_wf _ I r Ha))).
  rewrite get_tab in A by assumption. lia.
Qed.
End Rest.
