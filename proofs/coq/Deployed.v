(** Of the handlers themselves: if every timer goes off again and again, and of the messages that are sent again
    and again, again and again one arrives, then all come to have everything, know it, and rest. Nobody crashes
    any more, nobody is read-only, and everyone has everyone for a partner. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Theorems Fragments
  Progress Simulation Rest FairEnd Effects.

(** ** Runs of handlers *)
Section Run.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation rm := (@rm Op Val).
Notation st := (@st Op Val).
Notation mgr := (@mgr Op Val).
Notation gsp := (@gsp Op).

Inductive input :=
| GUpdate (q : @req Op) | GQuery (c : cid) (prev : vec) | GGossip (g : gsp) | GPull (j : nat) (v : vec) |
  GTimer (j : nat).
(** What happens at a time: a handler of [i] is called, or front ends act. *)
Inductive event := Handler (i : nat) (x : input) | FrontEnds.
Definition handle (C : cfg) (m : mgr) (x : input) := match x with
  | GUpdate q => on_update C m q
  | GQuery c prev => on_query_message C m c prev
  | GGossip g => on_gossip C m g
  | GPull j v => on_pull C m j v
  | GTimer j => on_gossip_timer C m j
  end.

Variables (C : nat -> cfg) (s : nat -> st) (m : nat -> nat -> mgr) (ev : nat -> event).

(** The managers are those of the system, and between [t] and [S t] this happens, and nothing else. Gossip
    arrives that was sent. *)
Definition occurs (t : nat) : Prop := match ev t with
  | Handler i x => i < nM /\ (forall g, x = GGossip g -> In (MGsp g) (net (s t)) /\ g_dst g = i) /\
      Sim steps i (s t) (handle (C i) (m t i) x) (s (S t)) /\ m (S t) i = now (handle (C i) (m t i) x) /\
      forall k, k <> i -> m (S t) k = m t k
  | FrontEnds => step (s t) (s (S t)) /\ rms (s (S t)) = rms (s t) /\ forall k, m (S t) k = m t k
  end.

(** At [t], the timer of [i] makes it send something to [j], which is this. *)
Definition sends (i j t : nat) : Prop := ev t = Handler i (GTimer j) /\ has_reason (C i) (m t i) j = true.
Definition what (i j t : nat) : gsp := let x := core (m t i) in
  make_gossip x j (tget x j) (negb (vleb nR (rts x) (known_through (C i) x j))) (relays (C i)).
(** From [t] on, these arrive at [j] in this order; between them, whatever else. *)
Inductive comes (j : nat) : nat -> list gsp -> nat -> Prop :=
| C_last t t1 g : t <= t1 -> ev t1 = Handler j (GGossip g) -> comes j t [g] (S t1)
| C_next t t1 g gs t' : t <= t1 -> ev t1 = Handler j (GGossip g) -> comes j (S t1) gs t' -> comes j t (g ::
  gs) t'.
(** It arrives, whole or in fragments. *)
Definition gets (i j t : nat) : Prop := exists sizes t', comes j (S t) (fragments sizes (what i j t)) t'.

(** All that is assumed of such a run. From [t0] on there are no new records. *)
Record undisturbed (t0 : nat) : Prop := {
  U_starts : reach (s 0) /\ forall i, i < nM -> rms (s 0) i = core (m 0 i);
  (** At the start none has waiting what it could answer, or in its log what it may discard: so it is of every
      manager that has just started, and after every handler ([handlers_rest]). *)
  U_rest : forall i, i < nM -> rests (C i) (m 0 i);
  U_happens : forall t, occurs t;
  U_members : forall k, k < nM -> member (s 0) k;
  U_updatable : nX = 0;
  U_honest : forall t, lied (s t) = false;
  U_partners : forall i j, i < nM -> j < nM -> i <> j -> In j (partners (C i));
  U_stop : forall t, t0 <= t -> acc (s t) = acc (s t0);
  (** Every timer goes off again and again. *)
  U_timers : forall i j u, i < nM -> j < nM -> i <> j -> exists t, u <= t /\ ev t = Handler i (GTimer j);
  (** If [i] sends to [j] again and again, what it sends arrives again and again. (Said so that no decision is
      needed of what never happens again: [K] is anything that may happen instead.) *)
  U_network : forall (K : nat -> Prop) i j, i < nM -> j < nM -> i <> j ->
    (forall u, exists t, u <= t /\ (K t \/ sends i j t)) ->
    forall u, exists t, u <= t /\ (K t \/ (sends i j t /\ gets i j t)) }.

Variable t0 : nat.
Hypothesis U : undisturbed t0.
Let starts_so := U_starts t0 U.
Let happens := U_happens t0 U.
Let all_members := U_members t0 U.
Let none_read_only := U_updatable t0 U.
Let nobody_lies := U_honest t0 U.
Let all_partners := U_partners t0 U.
Let updates_stop := U_stop t0 U.
Let timers := U_timers t0 U.
Let network := U_network t0 U.

Lemma steps_calm (a b : st) : steps a b -> lied b = false -> calm a b.
Proof.
  intros H. assert (G : lied b = false -> calm a b /\ lied a = false); [|intros L; now apply G].
  induction H as [a|a b c H _ IH]; intros L; [split; [constructor|auto]|]. destruct (IH L) as [D Lb].
  assert (X : heir b = heir a /\ lied a = false).
  { destruct H; simpl in *; try (split; [reflexivity|assumption]).
    - split; auto. now destruct (lied s0).
    - split; auto. now destruct (lied s0).
    - discriminate. }
  destruct X as [Hh La]. split; auto. now apply calm_step with (s2 := b).
Qed.

Lemma goes_calm t : calm (s t) (s (S t)).
Proof.
  apply steps_calm; auto. pose proof (happens t) as H. unfold occurs in H. destruct (ev t) as [i x|].
  - destruct H as (_ & _ & Z & _). apply Z.
  - destruct H as (H & _). now apply one_step.
Qed.
Notation R := (proj1 starts_so).
Notation reaches := (run_reach s R goes_calm).

Lemma cores t i : i < nM -> rms (s t) i = core (m t i).
Proof.
  intros Hi. induction t as [|t IH]; [now apply starts_so|]. pose proof (happens t) as H. unfold occurs in H.
  destruct (ev t) as [k x|].
  - destruct H as (_ & _ & Z & Em & Eo). destruct (Nat.eq_dec i k) as [->|Hn].
    + rewrite Em. apply Z.
    + rewrite (Z_rest _ _ _ _ _ Z) by assumption. now rewrite Eo.
  - destruct H as (_ & Er & Eo). now rewrite Er, Eo.
Qed.

Lemma me_of t i : i < nM -> me (core (m t i)) = i.
Proof. intros Hi. rewrite <- cores by assumption. now apply (me_i _ i (reach_inv _ (reaches t))). Qed.

Lemma small i : i < nM -> i < nR.
Proof. unfold nM. rewrite none_read_only. lia. Qed.

Lemma reached_is (l : list (@urec Op)) o : o < nR -> get (reached l) o = 0 \/
  exists r, In r l /\ r_org r = o /\ get (reached l) o = r_seq r.
Proof.
  intros Ho. unfold reached. rewrite get_tab by assumption. induction l as [|x l IH]; [now left|]. simpl.
  destruct (Nat.eqb_spec (r_org x) o) as [E|E].
  - right. destruct (Nat.max_spec (r_seq x) (fold_right (fun r n => if r_org r =? o then Nat.max (r_seq r) n
      else n) 0 l))
      as [[Hl ->]|[Hl ->]].
    + destruct IH as [Z|(r & Hr & Hro & Hrs)]; [lia|]. exists r. simpl. auto.
    + exists x. simpl. auto.
  - destruct IH as [Z|(r & Hr & Hro & Hrs)]; [now left|right]. exists r. simpl. auto.
Qed.

Lemma fragment_claims sizes : forall g f, g_comp g = true -> In f (fragments sizes g) ->
  g_src f = g_src g /\ g_asks f = g_asks g /\ (g_comp f = true \/ g_ts f = reached (g_log f)).
Proof.
  induction sizes as [|n sizes IH]; simpl; intros g f Hc [<-|H]; auto; [easy|]. now apply IH in H.
Qed.

(** What arrives is heard: it never looks as if state were lost. *)
Lemma not_lost t j f : ev t = Handler j (GGossip f) -> g_comp f = true \/ g_ts f = reached (g_log f) ->
  j < nM /\ lost (m t j) f = false.
Proof.
  intros E Hf. pose proof (happens t) as H. unfold occurs in H. rewrite E in H. destruct H as (Hj & Hg & _).
  split; auto. destruct (Hg f eq_refl) as [Hn _]. pose proof (reach_inv _ (reaches t)) as I.
  destruct (I_net _ I _ Hn) as (N1 & _ & N3 & N0 & N4). pose proof (small j Hj) as HjR.
  unfold lost. rewrite me_of by assumption. apply andb_false_iff. right. apply Nat.ltb_ge. rewrite <- cores
    by assumption.
  change (get (g_ts f) j <= top (s t) j). destruct Hf as [Hc|Ht].
  - eapply Nat.le_trans; [apply (proj1 (N4 Hc) j HjR)|]. now apply (I_rts _ I).
  - rewrite Ht. destruct (reached_is (g_log f) j HjR) as [->|(r & Hr & Ho & ->)]; [lia|]. rewrite <- Ho.
    apply (I_wf _ I r (N3 r Hr)).
Qed.

Lemma arrival_heard t j f : ev t = Handler j (GGossip f) -> g_comp f = true \/ g_ts f = reached (g_log f) ->
  hears j (s t) (s (S t)) f.
Proof.
  intros E Hf. destruct (not_lost t j f E Hf) as [Hj L]. pose proof (happens t) as H. unfold occurs in H.
    rewrite E in H.
  destruct H as (_ & Hg & _ & Em & _). destruct (gossip_does (C j) (m t j) f L) as (A & (a & B1 & B2 & B3) & _).
  destruct (Hg f eq_refl) as [Hn _]. destruct (I_net _ (reach_inv _ (reaches t)) _ Hn) as (N1 & _).
  unfold hears. rewrite !cores by assumption. rewrite Em. cbn [handle]. split.
  - rewrite A. apply vle_refl.
  - intros Hc Hv. unfold tget. rewrite B3. unfold learn. cbn [tbl with_tbl]. rewrite nth_map_seq by assumption.
    rewrite Hc, B2. replace (vleb nR (g_ts f) (rts (core (now (on_gossip (C j) (m t j) f))))) with true
      by (symmetry; now apply vleb_spec).
    cbn [andb]. rewrite Nat.eqb_refl. eapply vle_trans; [apply vle_vmax_r|apply vle_vmax_l].
Qed.

Lemma gets_exchange i j t : i < nM -> gets i j t -> exchanges s i j t.
Proof.
  intros Hi (sizes & t' & Hc). unfold exchanges. rewrite cores by assumption.
  exists (negb (vleb nR (rts (core (m t i))) (known_through (C i) (core (m t i)) j))), (relays (C i)), sizes,
    t'.
  change (arrives s j t (fragments sizes (what i j t)) t').
  assert (G : forall gs u, comes j u gs t' -> (forall f, In f gs -> g_comp f = true \/ g_ts f = reached
    (g_log f)) ->
            forall u', u' <= u -> arrives s j u' gs t').
  { clear Hc. intros gs u Hc. induction Hc as [u t1 g Hu E|u t1 g gs t' Hu E _ IH]; intros Hf u' Hle.
    - apply A_last; [lia|]. apply arrival_heard; auto. apply Hf. now left.
    - apply A_next with (t1 := t1); [lia| |].
      + apply arrival_heard; auto. apply Hf. now left.
      + apply IH; auto. intros f H. apply Hf. now right. }
  apply (G _ (S t) Hc); auto. intros f Hf. now apply (fragment_claims sizes (what i j t) f eq_refl).
Qed.

(** ** Nobody forgets *)

Lemma rows_grow t i k : i < nM -> k < nM -> vle (tget (core (m t i)) k) (tget (core (m (S t) i)) k).
Proof.
  intros Hi Hk. pose proof (happens t) as H. unfold occurs in H. destruct (ev t) as [j x|].
  2:{ destruct H as (_ & _ & Eo). rewrite Eo. apply vle_refl. }
  destruct H as (Hj & Hg & _ & Em & Eo). destruct (Nat.eq_dec i j) as [->|Hn]; [|rewrite Eo by assumption;
    apply vle_refl].
  rewrite Em. destruct x as [q|c prev|g|a v|a]; cbn [handle].
  - destruct (update_does (C j) (m t j) q) as [->|[E _]]; [left; rewrite me_of by assumption; now apply
      small|apply vle_refl|].
    unfold tget. rewrite E. apply vle_refl.
  - destruct (query_does (C j) (m t j) c prev) as [-> _]. apply vle_refl.
  - destruct (lost (m t j) g) eqn:L; [rewrite lost_does by assumption; apply vle_refl|].
    destruct (gossip_does (C j) (m t j) g L) as (_ & (b & B1 & B2 & B3) & _). unfold tget at 2. rewrite B3.
    unfold learn. cbn [tbl with_tbl]. rewrite nth_map_seq by assumption.
    assert (E : tget b k = tget (core (m t j)) k) by (unfold tget; now rewrite B1). rewrite E.
    destruct (g_comp g && vleb nR (g_ts g) (rts b)); [|apply vle_refl]. eapply vle_trans; [|apply vle_vmax_l].
    destruct (k =? g_src g); [apply vle_vmax_l|apply vle_refl].
  - rewrite pull_does. apply vle_refl.
  - destruct (timer_does (C j) (m t j) a) as [-> _]. apply vle_refl.
Qed.

Lemma rows_grow_on t t' i k : i < nM -> k < nM -> t <= t' -> vle (tget (core (m t i)) k) (tget (core (m t'
  i)) k).
Proof.
  intros Hi Hk. induction 1 as [|t' _ IH]; [apply vle_refl|]. eapply vle_trans; [exact IH|]. now apply
    rows_grow.
Qed.

Lemma remembers : remember s t0.
Proof. intros t i j _ Hi Hj. rewrite !cores by assumption. now apply rows_grow. Qed.

(** ** Fairness *)

Lemma no_own_reason i j t : i < nM -> j < nM -> i <> j -> own_reason (C i) (core (m t i)) j = false ->
  vle (rts (core (m t i))) (known_through (C i) (core (m t i)) j).
Proof.
  intros Hi Hj Hn E. unfold own_reason in E. apply andb_false_iff in E as [E|E].
  - apply orb_false_iff in E as [_ E]. assert (X : existsb (Nat.eqb j) (partners (C i)) = true); [|congruence].
    apply existsb_exists. exists j. split; [now apply all_partners|apply Nat.eqb_refl].
  - apply negb_false_iff in E. now apply vleb_spec.
Qed.

Lemma known_is (x : rm) (D : cfg) j : vle (known_through D x j) (tget x j).
Proof. unfold known_through. destruct (relays D); [exact (proj1 (floor_le (tget x) (counted D x) (tget x
  j)))|apply vle_refl]. Qed.

Theorem is_fair : fair s.
Proof.
  intros i j u Hi Hj Hn _ _. pose proof (nR_nM _ Hi) as HiM.
  set (K := fun t => vle (rts (rms (s t) i)) (tget (rms (s t) i) j)).
  destruct (network K i j HiM Hj Hn) with (u := u) as (t & Hu & [Hk|[_ Hg]]).
  - intros v. destruct (timers i j v HiM Hj Hn) as (t & Hv & E). exists t. split; auto.
    destruct (has_reason (C i) (m t i) j) eqn:Hr; [right; now split|left]. unfold has_reason in Hr.
    apply orb_false_iff in Hr as [_ Hr]. unfold K. rewrite cores by assumption.
    eapply vle_trans; [exact (no_own_reason i j t HiM Hj Hn Hr)|apply known_is].
  - exists t. split; auto.
  - exists t. split; auto. right. now apply gets_exchange.
Qed.

Lemma known_grows t t' i j : i < nM -> j < nM -> t <= t' ->
  vle (known_through (C i) (core (m t i)) j) (known_through (C i) (core (m t' i)) j).
Proof.
  intros Hi Hj Hle. assert (G : forall k, k < nM -> vle (tget (core (m t i)) k) (tget (core (m t' i)) k))
    by (intros; now apply rows_grow_on).
  unfold known_through. destruct (relays (C i)); [|now apply G].
  assert (E : counted (C i) (core (m t i)) = counted (C i) (core (m t' i))).
  { unfold counted. f_equal. unfold needed, peers. rewrite !me_of by assumption. apply filter_ext. intros k. unfold keeps. now rewrite
    !me_of by assumption. }
  destruct (floor_le (tget (core (m t i))) (counted (C i) (core (m t i))) (tget (core (m t i)) j)) as [A B].
  apply floor_ge.
  - eapply vle_trans; [exact A|]. now apply G.
  - intros k Hk. rewrite <- E in Hk. eapply vle_trans; [exact (B k Hk)|]. apply G. apply filter_In in Hk as [Hk _].
    now apply is_needed in Hk.
Qed.

(** While [j] has no reason of its own to tell [i] anything, it owes a receipt until it sends something. *)
Lemma stays_owed tc i j t t' : i < nM -> j < nM -> i <> j -> tc <= t -> t <= t' ->
  (forall u, tc <= u -> own_reason (C j) (core (m u j)) i = false) ->
  (forall u, tc <= u -> get (rts (core (m (S u) j))) j <= get (rts (core (m u j))) j) ->
  is_owed (m t j) i = true -> (exists u, t <= u /\ sends j i u) \/ is_owed (m t' j) i = true.
Proof.
  intros Hi Hj Hn Htc Hle Hown Hcnt Ho. induction Hle as [|t' Hle IH]; [now right|].
  destruct IH as [IH|IH]; [now left|]. assert (Ht' : tc <= t') by lia.
  pose proof (happens t') as H. unfold occurs in H. destruct (ev t') as [k x|] eqn:E.
  2:{ destruct H as (_ & _ & Eo). right. now rewrite Eo. }
  destruct H as (Hk & _ & _ & Em & Eo). destruct (Nat.eq_dec j k) as [<-|Hkj]; [|right; now rewrite Eo].
  destruct x as [q|c prev|g|a v|a]; cbn [handle] in Em.
  - right. destruct (update_does (C j) (m t' j) q) as [E'|[_ E']]; [left; rewrite me_of by assumption; now
      apply small| |].
    + now rewrite Em, E'.
    + exfalso. specialize (Hcnt t' Ht'). rewrite me_of, <- Em in E' by assumption. lia.
  - right. rewrite Em. unfold is_owed in *. now rewrite (proj2 (query_does (C j) (m t' j) c prev)).
  - right. destruct (lost (m t' j) g) eqn:L; [now rewrite Em, lost_does|].
    destruct (gossip_does (C j) (m t' j) g L) as (_ & _ & Q). rewrite Em, Q, <- Em by assumption.
    rewrite Hown by lia. rewrite orb_true_r, andb_true_r. destruct (Nat.eqb_spec i (g_src g)) as [<-|]; auto.
      now rewrite IH.
  - right. now rewrite Em, pull_does.
  - destruct (Nat.eq_dec a i) as [->|Ha].
    + left. exists t'. split; auto. split; auto. unfold has_reason. now rewrite IH.
    + right. rewrite Em. rewrite (proj2 (timer_does (C j) (m t' j) a)) by auto. exact IH.
Qed.

Theorem is_told : told s.
Proof.
  intros i j u Hi Hj Hn _ _ _.
  destruct (converges s R goes_calm t0 is_fair updates_stop) as [t1 Hc]. set (tc := Nat.max u (Nat.max t0 t1)).
  assert (Eq : forall a b k l, tc <= a -> tc <= b -> k < nM -> l < nM -> vle (rts (core (m a k))) (rts (core
    (m b l)))).
  { intros a b k l Ha Hb Hk Hl. rewrite <- !cores by assumption.
    apply (all_same s R goes_calm t0 updates_stop t1); auto; unfold tc in *; lia. }
  assert (OwnEq : forall a b k l, tc <= a -> a <= b -> k < nM -> l < nM -> k <> l ->
            own_reason (C k) (core (m a k)) l = false -> own_reason (C k) (core (m b k)) l = false).
  { intros a b k l Ha Hb Hk Hl Hkl H. unfold own_reason. apply andb_false_iff. right. apply negb_false_iff,
    vleb_spec.
    eapply vle_trans; [apply (Eq b a k k); auto; lia|]. eapply vle_trans; [exact (no_own_reason k l a Hk Hl
      Hkl H)|].
    now apply known_grows. }
  set (K := fun t => tc <= t /\ vle (rts (core (m t j))) (tget (core (m t i)) j)).
  assert (NoOwn : forall t, tc <= t -> own_reason (C i) (core (m t i)) j = false -> K t).
  { intros t Ht H. split; auto. eapply vle_trans; [apply (Eq t t j i); auto|].
    eapply vle_trans; [exact (no_own_reason i j t Hi Hj Hn H)|apply known_is]. }
  (* [i] knows it, or what it says and asks arrives at [j]. *)
  assert (A : forall v, exists t, v <= t /\ tc <= t /\ (K t \/ (own_reason (C i) (core (m t i)) j = true /\
    gets i j t))).
  { intros v. destruct (network K i j Hi Hj Hn) with (u := Nat.max v tc) as (t & Hu & [Hk|[_ Hg]]).
    - intros w. destruct (timers i j (Nat.max w tc) Hi Hj Hn) as (t & Hw & E). exists t. split; [lia|].
      destruct (has_reason (C i) (m t i) j) eqn:Hr; [right; now split|left]. unfold has_reason in Hr.
      apply orb_false_iff in Hr as [_ Hr]. apply NoOwn; auto. lia.
    - exists t. splits; auto; lia.
    - exists t. splits; try lia. destruct (own_reason (C i) (core (m t i)) j) eqn:Ow; [right; auto|left].
      apply NoOwn; auto. lia. }
  (* So [i] knows it, or [j] sends something. *)
  assert (B : forall v, exists t, v <= t /\ (K t \/ sends j i t)).
  { intros v. destruct (timers j i (Nat.max v tc) Hj Hi (not_eq_sym Hn)) as (a & Ha & E).
    destruct (has_reason (C j) (m a j) i) eqn:Hr; [exists a; split; [lia|right; now split]|].
    unfold has_reason in Hr. apply orb_false_iff in Hr as [_ Hr].
    destruct (A a) as (b & Hb & Hbc & [Hk|[Ow (sizes & b' & Hcm)]]); [exists b; split; [lia|now left]|].
    assert (Hown : forall w, a <= w -> own_reason (C j) (core (m w j)) i = false).
    { intros w Hw. apply (OwnEq a w j i); auto; lia. }
    assert (Hasks : g_asks (what i j b) = true).
    { cbn [what g_asks make_gossip]. unfold own_reason in Ow. now apply andb_true_iff in Ow as [_ Ow]. }
    (* When the last fragment has come, it is owed. *)
    assert (Q : S b <= b' /\ is_owed (m b' j) i = true).
    { assert (G : forall sz g w, comes j w (fragments sz g) b' -> g_comp g = true -> g_asks g = true -> g_src
      g = i ->
                g_ts g = rts (core (m b i)) -> S b <= w -> S b <= b' /\ is_owed (m b' j) i = true).
      { induction sz as [|n sz IH]; simpl; intros g w Hw Hcomp Hask Hsrc Hts Hle.
        - inversion Hw as [? w1 ? Hw1 Ev|? w1 ? ? ? Hw1 Ev Hrest]; subst; [|inversion Hrest]. split; [lia|].
          destruct (not_lost w1 j g Ev (or_introl Hcomp)) as [_ L].
          pose proof (happens w1) as H. unfold occurs in H. rewrite Ev in H. destruct H as (_ & _ & _ & Em &
            _). cbn [handle] in Em.
          destruct (gossip_does (C j) (m w1 j) g L) as (_ & _ & Q). rewrite Em, Q, <- Em by assumption.
          rewrite Hown by lia. rewrite orb_true_r, andb_true_r, Nat.eqb_refl, Hask.
          assert (Ov : overtaken (m w1 j) g = false).
          { unfold overtaken. apply andb_false_iff. right. apply negb_false_iff, vleb_spec. rewrite Hts.
            eapply vle_trans; [|apply (Eq w1 b (g_src g) (g_src g)); auto; lia]. rewrite <- !cores by
              assumption.
            apply (I_tbl _ (reach_inv _ (reaches w1)) j (g_src g)); auto. apply (run_member s R goes_calm
              w1). auto. }
          rewrite Ov. apply orb_true_r.
        - inversion Hw as [? w1 ? Hw1 Ev Hl|? w1 ? ? ? Hw1 Ev Hrest]; subst; [destruct sz; discriminate|].
          apply (IH _ _ Hrest); auto. lia. }
      apply (G sizes (what i j b) (S b)); auto. simpl. now apply me_of. }
    destruct Q as [Hb' Q]. destruct (timers j i b' Hj Hi (not_eq_sym Hn)) as (d & Hd & Ed).
    destruct (stays_owed a i j b' d Hi Hj Hn ltac:(lia) Hd) as [(w & Hw & Hs)|Q']; auto.
    - intros w Hw. apply (Eq (S w) w j j); auto; try lia. now apply small.
    - exists w. split; [lia|now right].
    - exists d. split; [lia|right]. split; auto. unfold has_reason. now rewrite Q'. }
  destruct (network K j i Hj Hi (not_eq_sym Hn)) with (u := u) as (t & Hu & [[_ Hk]|[_ Hg]]).
  - intros v. destruct (B v) as (t & Hv & [Hk|Hs]); exists t; auto.
  - exists t. split; auto. left. now rewrite !cores.
  - exists t. split; auto. right. now apply gets_exchange.
Qed.

Lemma rest_always t i : i < nM -> rests (C i) (m t i).
Proof.
  intros Hi. induction t as [|t IH]; [now apply (U_rest t0 U)|]. pose proof (happens t) as H. unfold occurs in H.
  destruct (ev t) as [k x|]; [|destruct H as (_ & _ & Eo); now rewrite Eo].
  destruct H as (_ & _ & _ & Em & Eo). destruct (Nat.eq_dec i k) as [->|Hn]; [|now rewrite Eo].
  rewrite Em. destruct x; cbn [handle].
  - now apply update_rests.
  - now apply query_rests.
  - now apply gossip_rests.
  - now apply pull_rests.
  - now apply timer_rests.
Qed.

(** So all come to rest: [handlers_come_to_rest] says it in words. *)
Theorem all_come_to_rest : exists t1, forall t i, t1 <= t -> i < nM ->
  (forall r, In r (acc (s t)) -> In r (hist (s t) i)) /\ knows_all (m t i) /\
  pend (core (m t i)) ++ done (core (m t i)) = [] /\
  (forall j, j < nM -> j <> i -> is_owed (m t i) j = false -> on_gossip_timer (C i) (m t i) j = start (m t i)) /\
  (forall u f c, ~ In (c, fts (fes (s u) f)) (waiting (m t i))).
Proof.
  destruct (converges s R goes_calm t0 is_fair updates_stop) as [ta Ha].
  destruct (comes_to_rest s R goes_calm t0 is_fair updates_stop is_told remembers all_members) as [tb Hb].
  destruct (queries_are_answered s R goes_calm t0 is_fair updates_stop nobody_lies) as [tc Hc].
  exists (Nat.max (Nat.max ta tb) tc). intros t i Ht Hi.
  assert (Mi : member (s t) i) by (apply (run_member s R goes_calm t); auto).
  destruct (Hb t i (C i) (m t i) ltac:(lia) Hi (cores t i Hi)) as [K L]; [apply rest_always; auto|]. splits; auto.
  - apply (Ha t ltac:(lia) i Hi); auto.
  - intros j Hj Hn Ho. apply silent_timer; auto; [|now rewrite me_of]. intros k _. unfold keeps, updatable.
    rewrite me_of by assumption. apply orb_true_iff. left. now apply Nat.ltb_lt, small.
  - intros u f c. destruct (Hc t i ltac:(lia) Hi Mi u f) as [_ H]. apply H; [now apply cores|].
    now apply rest_always.
Qed.
End Run.
