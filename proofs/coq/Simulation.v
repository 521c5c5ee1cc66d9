(** A handler does nothing but steps of [System]: what is proved of the system is proved of the handlers,
    and of every message that they send. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Converge
  Theorems Fragments Progress.

Section Simulation.
Context {Op Val : Type} {P : Params Op Val}.
Notation st := (@st Op Val).
Notation mgr := (@mgr Op Val).
Notation work := (@work Op Val).
Variable C : cfg.
Hypothesis partners_are_members : forall j, In j (partners C) -> j < nM.

(** What a handler of [i] does to the system: all of these are steps of it if nobody is left out who must be asked
    before anything is discarded. It acts on gossip that is [heard]. *)
Inductive act (heard : @gsp Op -> Prop) (i : nat) : st -> st -> Prop :=
| A_tell s m : (forall g, m <> MGsp g) -> (forall c p d, m <> MQry c p d) -> step s (send s m) ->
    act heard i s (send s m)
| A_accept s q a l :
    i < nR -> member s i -> In (MReq q) (net s) ->
    known (rms s i) (q_cid q) = false -> plausible (rms s i) q = true ->
    settles (add_all (rms s i) (count (rms s i) (stamp (rms s i) q)) [stamp (rms s i) q]) l a ->
    act heard i s (put (made (send s (MRep (q_cid q) (r_ts (stamp (rms s i) q)) [stamp (rms s i) q]))
                     (stamp (rms s i) q)) i a l)
| A_send s j v asks :
    i < nM -> j < nM -> act heard i s (send s (MGsp (make_gossip (rms s i) j v asks (relays C))))
| A_recv s g v l' l a :
    In (MGsp g) (net s) -> heard g -> g_dst g = i -> take (g_ts g) (rts (rms s (g_dst g))) (g_log g) = (v, l') ->
    settles (add_all (rms s (g_dst g)) v l') l a -> act heard i s (put s (g_dst g) (learn a g) l)
| A_discard s upto :
    i < nM -> vle nR upto (prefix (rms s i)) ->
    (forall k, In k (counted C (rms s i)) -> vle nR upto (tget (rms s i) k)) ->
    act heard i s (put s i (discard (rms s i) upto) []).

(** The message is in the network. *)
Definition shown (s : st) (o : @out Op Val) : Prop :=
  match o with
  | OReply c t => exists d, In (MRep c t d) (net s)
  | OAnswer c v t => exists d h prev, In (MQry c prev d) (net s) /\ vle nR prev t /\ In (MQrep c v t d h) (net s)
  | OGossip g => In (MGsp g) (net s)
  | ORefuse _ _ | OPull _ _ | OLost _ _ => True      (* nothing in the system depends on them *)
  end.

Definition asked (s : st) (m : mgr) : Prop :=
  forall c prev, In (c, prev) (waiting m) -> exists d, In (MQry c prev d) (net s).

(** From [s0], the work of replica manager [i] has led to [s], by [steps] or by others. *)
Record Sim (via : st -> st -> Prop) (i : nat) (s0 : st) (w : work) (s : st) : Prop := {
  Z_steps : via s0 s;
  Z_core : rms s i = core_of w;
  Z_rest : forall k, k <> i -> rms s k = rms s0 k;
  Z_hist : hist s i = hist s0 i ++ ran w;
  Z_fes : fes s = fes s0;
  Z_heir : heir s = heir s0;
  Z_net : incl (net s0) (net s);
  Z_sent : forall o, In o (sent w) -> shown s o;
  Z_asked : asked s (now w) }.

Lemma shown_incl s s' o : incl (net s) (net s') -> shown s o -> shown s' o.
Proof.
  intros H. destruct o; simpl; auto.
  - intros (d & Hd). eauto.
  - intros (d & h & p & A & B & D). exists d, h, p. auto.
Qed.

Lemma one_step (s s' : st) : step s s' -> steps s s'.
Proof. intros H. econstructor; [exact H|apply St_refl]. Qed.

Lemma sim_by (via via' : st -> st -> Prop) i s0 w s :
  (via s0 s -> via' s0 s) -> Sim via i s0 w s -> Sim via' i s0 w s.
Proof. intros H Z. constructor; try apply Z. apply H, Z. Qed.

Section One.
Variables (i : nat) (s0 : st) (via : st -> st -> Prop) (heard : @gsp Op -> Prop).
Hypothesis via_start : via s0 s0.
Hypothesis via_act : forall s s', via s0 s -> act heard i s s' -> via s0 s'.
Hypothesis via_reach : forall s, via s0 s -> reach s.
Hypothesis Hi : i < nM.
Notation does w := (exists s, Sim via i s0 w s).
Let R0 : reach s0 := via_reach s0 via_start.

Lemma sim_start m : rms s0 i = core m -> asked s0 m -> Sim via i s0 (start m) s0.
Proof.
  intros E A. constructor; auto.
  - now rewrite app_nil_r.
  - apply incl_refl.
  - intros o [].
Qed.

Lemma sim_reach w s : Sim via i s0 w s -> reach s.
Proof. intros Z. apply via_reach, Z. Qed.

(** Sending a message that is there already, or that means nothing to the system. *)
Lemma sim_emit w s o : Sim via i s0 w s -> shown s o -> Sim via i s0 (emit o w) s.
Proof.
  intros Z H. constructor; try apply Z. simpl. intros x Hx. apply in_app_or in Hx as [Hx|[<-|[]]]; auto.
  now apply (Z_sent _ _ _ _ _ Z).
Qed.

(** Sending a new message. *)
Lemma sim_send w s m o : Sim via i s0 w s -> act heard i s (send s m) -> shown (send s m) o -> Sim via i s0 (emit o w)
  (send s m).
Proof.
  intros Z H Sh. assert (Hinc : incl (net s) (net (send s m))) by (intros x Hx; now right).
  apply sim_emit; auto. constructor; try apply Z.
  - eapply via_act; [apply Z|exact H].
  - eapply incl_tran; [apply Z|exact Hinc].
  - intros x Hx. eapply shown_incl; [exact Hinc|]. now apply (Z_sent _ _ _ _ _ Z).
  - intros c prev Hc. destruct (Z_asked _ _ _ _ _ Z c prev Hc) as (d & Hd). exists d. now right.
Qed.

(** Control state is no concern of the system. *)
Lemma sim_ctl w s wt ow un : Sim via i s0 w s ->
  (forall c prev, In (c, prev) wt -> exists d, In (MQry c prev d) (net s)) -> Sim via i s0 (with_ctl wt ow un
    w) s.
Proof. intros Z H. constructor; try apply Z. exact H. Qed.

Lemma sim_ctl_same w s ow un : Sim via i s0 w s -> Sim via i s0 (with_ctl (waiting (now w)) ow un w) s.
Proof. intros Z. apply sim_ctl; auto. apply Z. Qed.

(** The replica changes. *)
Lemma sim_put w s s1 a l wt ow un jr : Sim via i s0 w s -> act heard i s (put s1 i a l) ->
  rms s1 = rms s -> hist s1 = hist s -> fes s1 = fes s -> heir s1 = heir s -> incl (net s) (net s1) ->
  wt = waiting (now w) ->
  Sim via i s0 (mkwork (mkmgr a wt ow un) (sent w) jr (ran w ++ l)) (put s1 i a l).
Proof.
  intros Z H Er Eh Ef Er' En ->. constructor; simpl.
  - eapply via_act; [apply Z|exact H].
  - now rewrite upd_eq.
  - intros k Hk. rewrite upd_neq, Er by assumption. now apply Z.
  - rewrite upd_eq, Eh, app_assoc. f_equal. apply Z.
  - rewrite Ef. apply Z.
  - rewrite Er'. apply Z.
  - eapply incl_tran; [apply Z|exact En].
  - intros x Hx. eapply (shown_incl s); [exact En|]. now apply (Z_sent _ _ _ _ _ Z).
  - intros c prev Hc. destruct (Z_asked _ _ _ _ _ Z c prev Hc) as (d & Hd). exists d. now apply En.
Qed.

Lemma pend_wf w s : Sim via i s0 w s -> forall r, In r (pend (core_of w)) -> WF r.
Proof.
  intros Z r Hr. pose proof (sim_reach _ _ Z) as R. apply (acc_wf s R).
  apply (L_corr _ _ _ _ (loc s R i Hi)), in_or_app. right. now rewrite (Z_core _ _ _ _ _ Z).
Qed.

Lemma sim_collect w s : Sim via i s0 w s -> does (do_collect C w).
Proof.
  intros Z. unfold do_collect, collects. destruct (vleb nR (discardable _ (core_of w)) (gone (core_of w)));
    [eauto|].
  exists (put s i (discard (core_of w) (discardable (counted C (core_of w)) (core_of w))) []).
  apply (sim_put w s s _ []); auto; try apply incl_refl. rewrite <- (Z_core _ _ _ _ _ Z).
  assert (X : forall l v, vle nR (fold_left (fun floor k => vmin nR floor (tget (rms s i) k)) l v) v /\
            forall k, In k l -> vle nR (fold_left (fun floor k => vmin nR floor (tget (rms s i) k)) l v)
              (tget (rms s i) k)).
  { induction l as [|x l IH]; simpl; intros v; [split; [apply vle_refl|intros k []]|].
    destruct (IH (vmin nR v (tget (rms s i) x))) as [A B]. split.
    - eapply vle_trans; [exact A|apply vle_vmin_l].
    - intros k [<-|Hk]; auto. eapply vle_trans; [exact A|apply vle_vmin_r]. }
  destruct (X (counted C (rms s i)) (prefix (rms s i))) as [X1 X2]. apply A_discard; auto.
Qed.

Lemma sim_send_gossip w s j v : Sim via i s0 w s -> j < nM -> does (send_gossip C j v w).
Proof.
  intros Z Hj. unfold send_gossip. set (g := make_gossip _ _ _ _ _).
  exists (send s (MGsp g)). apply sim_send; auto; [|now left].
  unfold g. rewrite <- (Z_core _ _ _ _ _ Z). now apply A_send.
Qed.

Lemma sim_gossip w s j : Sim via i s0 w s -> j < nM -> does (gossip C j w).
Proof.
  intros Z Hj. unfold gossip. destruct (sim_send_gossip w s j (tget (core_of w) j) Z Hj) as [s' Z'].
  exists s'. now apply sim_ctl_same.
Qed.

Lemma sim_full_batch w s : Sim via i s0 w s -> does (send_full_batch C w).
Proof.
  intros Z. unfold send_full_batch. destruct (_ && _); [|eauto].
  assert (G : forall l w s, (forall j, In j l -> j < nM) -> Sim via i s0 w s ->
            does (fold_left (fun w j => gossip C j w) l w)).
  { clear -Hi R0 via_act partners_are_members. induction l as [|j l IH]; simpl; intros w s H Z; [eauto|].
    destruct (sim_gossip w s j Z) as [s' Z']; [apply H; now left|]. eapply IH; eauto. }
  eapply G; [auto|]. apply sim_ctl_same. exact Z.
Qed.

Lemma sim_pull w s prev : Sim via i s0 w s -> Sim via i s0 (pull_for C prev w) s.
Proof.
  intros Z. unfold pull_for. destruct (first_beyond prev _); auto. destruct (_ && _); auto.
  now apply sim_emit.
Qed.

Lemma sim_answer w s c prev d : Sim via i s0 w s -> In (MQry c prev d) (net s) ->
  match answer c prev w with Some w' => does w' /\ waiting (now w') = waiting (now w) | None => True end.
Proof.
  intros Z Hq. unfold answer. destruct (on_query (core_of w) prev) as [[v t]|] eqn:E; auto.
  split; auto. exists (send s (MQrep c v t d (hist s i))). apply sim_send; auto.
  - apply A_tell; [discriminate|discriminate|]. eapply S_answer; eauto. now rewrite (Z_core _ _ _ _ _ Z).
  - simpl. exists d, (hist s i), prev. splits; auto. unfold on_query in E.
    destruct (vleb nR prev (vts (core_of w))) eqn:V; [|discriminate]. inversion E; subst. now apply vleb_spec.
Qed.

Lemma sim_answer_waiting w s : Sim via i s0 w s -> does (answer_waiting w).
Proof.
  intros Z. unfold answer_waiting.
  assert (G : forall l w s k, Sim via i s0 w s -> (forall c prev, In (c, prev) l -> In (c, prev) (waiting (now
    w))) ->
            (forall c prev, In (c, prev) k -> In (c, prev) (waiting (now w))) ->
            exists w' k' s', fold_left answer_one l (w, k) = (w', k') /\ Sim via i s0 w' s' /\
              (forall c prev, In (c, prev) k' -> In (c, prev) (waiting (now w')))).
  { clear -Hi R0 via_act partners_are_members. induction l as [|[c prev] l IH]; simpl; intros w s k Z Hl Hk; [eauto 6|].
    destruct (Z_asked _ _ _ _ _ Z c prev (Hl c prev (or_introl eq_refl))) as (d & Hd).
    pose proof (sim_answer w s c prev d Z Hd) as A. destruct (answer c prev w) as [w'|].
    - destruct A as [[s' Z'] Ew]. apply (IH w' s' k Z'); rewrite Ew; auto.
    - apply (IH w s _ Z); auto. intros c' p' Hc. apply in_app_or in Hc as [Hc|[Hc|[]]]; auto. }
  destruct (G (waiting (now w)) w s [] Z) as (w' & k' & s' & E & Z' & Hk); auto; [intros c p []|].
  rewrite E. exists s'. apply sim_ctl; auto. intros c prev Hc. now apply (Z_asked _ _ _ _ _ Z'), Hk.
Qed.

Lemma sim_receipts w s : Sim via i s0 w s -> Sim via i s0 (drop_needless_receipts C w) s.
Proof. intros Z. now apply sim_ctl_same. Qed.

(** ** The handlers *)
Variable m : mgr.
Hypothesis Hm : rms s0 i = core m.
Hypothesis Ha : asked s0 m.

(** What is done for an update that is new, until the reply. *)
Definition replied (q : req) : work :=
  reply (q_cid q) (Some (r_ts (stamp (core m) q))) (record C q (start m)).

Lemma record_is_acts q : member s0 i -> In (MReq q) (net s0) -> known (core m) (q_cid q) = false ->
  updatable (me (core m)) = true -> plausible (core m) q = true -> does (replied q).
Proof.
  intros Hmi Hq K U Pl. pose proof (sim_start m Hm Ha) as Z.
  assert (HiR : i < nR).
  { pose proof (L_me _ _ _ _ (loc s0 R0 i Hi)) as E. rewrite Hm in E. unfold updatable in U.
    rewrite E in U. now apply Nat.ltb_lt. }
  (* the record *)
  assert (X : exists s', Sim via i s0 (record C q (start m)) s' /\
            In (MRep (q_cid q) (r_ts (stamp (core m) q)) [stamp (core m) q]) (net s')).
  { unfold record, do_commit. change (core_of (start m)) with (core m). unfold commit.
    destruct (settle _) as [a l] eqn:E. set (r := stamp (core m) q) in *.
    assert (Cr : core_of (start m) = core m) by reflexivity.
    assert (Wr : forall x, In x (pend (core m) ++ [r]) -> WF x).
    { intros x Hx. apply in_app_or in Hx as [Hx|[<-|[]]].
      - rewrite <- Cr in Hx. exact (pend_wf _ _ Z x Hx).
      - pose proof (L_me _ _ _ _ (loc s0 R0 i Hi)) as Em. rewrite Hm in Em.
        unfold plausible in Pl. apply Nat.leb_le in Pl. unfold WF, r, r_seq; simpl. rewrite Em in *.
          splits; auto.
        + intros j Hj Hn. now apply get_vset_neq.
        + rewrite get_vset_eq by assumption. lia. }
    apply settle_settles in E; [|exact Wr].
    set (s1 := made (send s0 (MRep (q_cid q) (r_ts r) [r])) r).
    exists (put s1 i a l). split; [|now left].
    apply sim_pull, sim_ctl; [|intros c p Hc; destruct (Ha c p Hc) as (d & Hd); exists d; now right].
    apply (sim_put (start m) s0 s1 a l); auto; [|intros x Hx; now right].
    subst s1 r. rewrite <- Hm in E, K, Pl |- *. now apply A_accept. }
  destruct X as [s1 [Z1 H1]].
  exists s1. apply sim_emit; auto. simpl. eauto.
Qed.

Theorem update_is_acts q : member s0 i -> In (MReq q) (net s0) -> does (on_update C m q).
Proof.
  intros Hmi Hq. pose proof (sim_start m Hm Ha) as Z. unfold on_update.
  destruct (known (core m) (q_cid q)) eqn:K.
  { destruct (finished _ _); simpl; [eauto|].
    destruct (timestamp_of (core m) (q_cid q)) as [t|] eqn:T; simpl; [|eauto].
    exists (send s0 (MRep (q_cid q) t (held s0 i (q_cid q)))). apply sim_send; auto.
    - apply A_tell; [discriminate|discriminate|]. apply S_repeat; auto. rewrite (Z_core _ _ _ _ _ Z). exact T.
    - simpl. eexists; now left. }
  destruct (updatable (me (core m))) eqn:U; simpl; [|exists s0; now apply sim_emit].
  destruct (plausible (core m) q) eqn:Pl; simpl.
  2:{ exists s0. apply sim_emit; [|exact I]. now apply sim_emit. }
  destruct (_ && _); [exists s0; now apply sim_emit|].
  destruct (record_is_acts q Hmi Hq K U Pl) as [s1 Z2]. unfold replied in Z2.
  destruct (sim_collect _ _ Z2) as [s3 Z3]. destruct (sim_answer_waiting _ _ Z3) as [s4 Z4].
  destruct (sim_full_batch _ _ Z4) as [s5 Z5]. exists s5. now apply sim_receipts.
Qed.

Theorem query_is_acts c prev d : In (MQry c prev d) (net s0) -> does (on_query_message C m c prev).
Proof.
  intros Hq. pose proof (sim_start m Hm Ha) as Z.
  unfold on_query_message. pose proof (sim_answer _ _ c prev d Z Hq) as A.
  destruct (answer c prev (start m)); [apply A|].
  destruct (_ && _); [exists s0; now apply sim_emit|]. exists s0. apply sim_ctl; [now apply sim_pull|].
  pose proof (Z_asked _ _ _ _ _ (sim_pull _ _ prev Z)) as W. unfold asked in W.
  revert W. generalize (waiting (now (pull_for C prev (start m)))). clear -Hq.
  induction l as [|[e p] l IH]; simpl; intros W c' p' Hc.
  - destruct Hc as [Hc|[]]. inversion Hc; subst. eauto.
  - destruct (ceqb c e); [|destruct (_ || _)].
    + destruct Hc as [Hc|Hc]; [inversion Hc; subst; eauto|eauto].
    + destruct Hc as [Hc|Hc]; [inversion Hc; subst; eauto|eauto].
    + destruct Hc as [Hc|Hc]; [inversion Hc; subst; eauto|]. apply IH; auto.
Qed.

(** What is done with gossip, until it has taught. *)
Definition merged (g : gsp) : work :=
  let owes := is_owed m (g_src g) || (g_asks g && negb (vleb nR (g_ts g) (tget (core m) (g_src g)) &&
    negb (vleb nR (tget (core m) (g_src g)) (g_ts g)))) in
  let w := with_ctl (waiting m) (set_owed (g_src g) owes (owed m)) (unsent m) (start m) in
  let (v, l) := take (g_ts g) (rts (core m)) (g_log g) in
  let w := match l with [] => w | _ => do_commit (CLog v l) w end in
  with_core (learn (core_of w) g) w.

Lemma merge_is_acts g : In (MGsp g) (net s0) -> heard g -> g_dst g = i -> does (merged g).
Proof.
  intros Hg Hh Hd. pose proof (sim_start m Hm Ha) as Z. unfold merged.
  set (w1 := with_ctl _ _ _ (start m)).
  assert (Z1 : Sim via i s0 w1 s0) by now apply sim_ctl.
  destruct (take (g_ts g) (rts (core m)) (g_log g)) as [v l'] eqn:T.
  pose proof (reach_inv s0 R0) as I0.
  assert (Wg : forall r, In r (g_log g) -> WF r).
  { intros r Hr. destruct (I_net _ I0 _ Hg) as (_ & _ & N & _). apply (I_wf _ I0 r (N r Hr)). }
  assert (Wp : forall x, In x (pend (core m)) -> WF x) by exact (pend_wf _ _ Z).
  set (w2 := match l' with [] => w1 | _ => do_commit (CLog v l') w1 end).
  assert (X : exists s', Sim via i s0 (with_core (learn (core_of w2) g) w2) s').
  { assert (Y : exists a l, settles (add_all (core m) v l') l a /\ core_of w2 = a /\ ran w2 = l /\ sent w2
    = [] /\
              waiting (now w2) = waiting m).
    { destruct l' as [|r l'].
      - assert (Ev : v = rts (core m)).
        { revert T. clear. generalize (rts (core m)). induction (g_log g) as [|x l IH]; simpl; intros u H.
          - now inversion H.
          - destruct (_ && _); [|now apply IH]. destruct (take _ _ l); discriminate. }
        exists (core m), []. splits; auto. subst v.
        replace (add_all (core m) (rts (core m)) []) with (core m).
        + constructor. rewrite <- Hm. now apply I0.
        + unfold add_all; simpl. rewrite app_nil_r. now destruct (core m).
      - unfold w2, do_commit, commit. change (core_of w1) with (core m).
        destruct (settle (add_all (core m) v (r :: l'))) as [a l] eqn:E. exists a, l. splits; auto.
        apply settle_settles in E; auto. simpl. intros x Hx. apply in_app_or in Hx as [Hx|Hx]; auto.
        apply Wg. apply take_grows in T as [_ T]; auto. }
    destruct Y as (a & l & Es & Ec & Er & En & Ew).
    exists (put s0 i (learn a g) l). rewrite Ec. unfold with_core. rewrite Er, En, Ew.
    pose proof (sim_put (start m) s0 s0 (learn a g) l (waiting m) (owed (now w2)) (unsent (now w2)) (jrnl
      w2) Z) as Q.
    simpl in Q. apply Q; auto; [|apply incl_refl]. rewrite <- Hd.
    apply A_recv with (v := v) (l' := l'); auto; rewrite Hd, Hm; auto. }
  exact X.
Qed.

Theorem gossip_is_acts g : In (MGsp g) (net s0) -> heard g -> g_dst g = i -> does (on_gossip C m g).
Proof.
  intros Hg Hh Hd. pose proof (sim_start m Hm Ha) as Z.
  unfold on_gossip. destruct (_ && _); [exists s0; now apply sim_emit|].
  destruct (merge_is_acts g Hg Hh Hd) as [s2 Z2]. unfold merged in Z2.
  destruct (take (g_ts g) (rts (core m)) (g_log g)) as [v l'] eqn:T.
  destruct (sim_collect _ _ Z2) as [s3 Z3].
  destruct (sim_answer_waiting _ _ Z3) as [s4 Z4]. exists s4. now apply sim_receipts.
Qed.

Theorem pull_is_acts j t : j < nM -> does (on_pull C m j t).
Proof.
  intros Hj. pose proof (sim_start m Hm Ha) as Z. unfold on_pull. destruct (vleb _ _ _); [eauto|].
  eapply sim_send_gossip; eauto.
Qed.

Theorem timer_is_acts j : j < nM -> does (on_gossip_timer C m j).
Proof.
  intros Hj. pose proof (sim_start m Hm Ha) as Z. unfold on_gossip_timer. destruct (has_reason C m j);
    [|eauto].
  eapply sim_gossip; eauto.
Qed.

End One.

(** ** By steps of the system *)
Section Steps.
Variables (i : nat) (s0 : st).
Hypothesis R0 : reach s0.
Hypothesis Hi : i < nM.
Hypothesis no_member_is_absent : forall k, In k (absent C) -> ~ member s0 k.
(** Nobody else does anything meanwhile, and front ends neither submit nor ask. *)
Record as_it_is (s s' : st) : Prop := {
  J_steps : steps s s';
  J_heir : heir s' = heir s;
  J_sub : gsub s' = gsub s;
  J_asked : forall c prev d, In (MQry c prev d) (net s') -> In (MQry c prev d) (net s);
  J_hist : forall k, k <> i -> hist s' k = hist s k }.

Lemma acts_are_steps s s' : as_it_is s0 s -> act (fun _ => True) i s s' -> as_it_is s0 s'.
Proof.
  intros [A B E1 E2 E3] H. assert (X : step s s' /\ heir s' = heir s /\ gsub s' = gsub s /\
    (forall c prev d, In (MQry c prev d) (net s') -> In (MQry c prev d) (net s)) /\
    forall k, k <> i -> hist s' k = hist s k).
  { destruct H; (split; [|split; [reflexivity|split; [reflexivity|split;
      [simpl; intros c' p' d' Z; try tauto|intros k Hk; simpl; auto; rewrite upd_neq; auto; congruence]]]]); auto.
    all: try (destruct Z as [Z|Z]; [solve [discriminate|exfalso; eapply H0; eauto]|exact Z]).
    - now apply S_accept.
    - now apply S_send.
    - now apply S_recv with (v := v) (l' := l').
    - apply S_discard; auto. intros k Hk Hm. apply H1. apply filter_In. split; auto. apply negb_true_iff.
      unfold is_absent. apply not_true_is_false. intros E. apply existsb_exists in E as (x & Hx & E).
      apply Nat.eqb_eq in E as <-. apply (no_member_is_absent k Hx). unfold member in *. now rewrite <- B. }
  destruct X as (X & Y & Y1 & Y2 & Y3). constructor; auto; try congruence.
  - eapply steps_trans; [exact A|now apply one_step].
  - intros k Hk. now rewrite Y3, E3.
Qed.

Lemma as_it_is_reach s : as_it_is s0 s -> reach s.
Proof. intros H. eapply steps_reach; [exact R0|apply H]. Qed.

Lemma stays_as_it_is : as_it_is s0 s0.
Proof. constructor; auto. apply St_refl. Qed.

Lemma by_steps w : (exists s, Sim as_it_is i s0 w s) -> exists s, Sim steps i s0 w s.
Proof. intros [s Z]. exists s. revert Z. apply sim_by. intros H. apply H. Qed.

Variable m : mgr.
Hypothesis Hm : rms s0 i = core m.
Hypothesis Ha : asked s0 m.
Notation does w := (exists s, Sim steps i s0 w s).
Ltac by_acts H := intros; apply by_steps; eapply H;
  eauto using stays_as_it_is, acts_are_steps, as_it_is_reach.

Theorem update_is_steps q : member s0 i -> In (MReq q) (net s0) -> does (on_update C m q).
Proof. by_acts update_is_acts. Qed.
Theorem query_is_steps c prev d : In (MQry c prev d) (net s0) -> does (on_query_message C m c prev).
Proof. by_acts query_is_acts. Qed.
Theorem gossip_is_steps g : In (MGsp g) (net s0) -> g_dst g = i -> does (on_gossip C m g).
Proof. by_acts gossip_is_acts. exact I. Qed.
Theorem hear_is_steps said g : In (MGsp g) (net s0) -> g_dst g = i -> does (hear C m said g).
Proof.
  intros. unfold hear. destruct (said =? epoch C); [now apply gossip_is_steps|].
  exists s0. apply sim_start; auto. constructor.
Qed.
Theorem pull_is_steps j t : j < nM -> does (on_pull C m j t).
Proof. by_acts pull_is_acts. Qed.
Theorem timer_is_steps j : j < nM -> does (on_gossip_timer C m j).
Proof. by_acts timer_is_acts. Qed.
End Steps.

Lemma begins_row (x : @rm Op Val) k : k < nM ->
  tget (begins C x) k = if is_absent C k || is_new C k then [] else tget (restart x) k.
Proof. intros Hk. unfold begins. unfold tget at 1. cbn [tbl with_tbl]. now rewrite nth_map_seq. Qed.

(** A start loses all but the durable replica. *)
Lemma sim_started (via : st -> st -> Prop) i s0 : let a := begins C (rms s0 i) in
  via s0 (put s0 i a []) -> Sim via i s0 (start (on_start C (rms s0 i))) (put s0 i a []).
Proof.
  intros a H. constructor; simpl; auto.
  - now rewrite upd_eq.
  - intros k Hk. now rewrite upd_neq.
  - now rewrite upd_eq.
  - apply incl_refl.
  - intros o [].
  - intros c prev [].
Qed.

Theorem start_is_steps i s0 : i < nM -> exists s, Sim steps i s0 (start (on_start C (rms s0 i))) s.
Proof.
  intros Hi. eexists. apply sim_started, one_step, S_crash; auto. intros k Hk.
  change (vle nR (tget (begins C (rms s0 i)) k) (tget (restart (rms s0 i)) k)). rewrite begins_row by assumption.
  destruct (_ || _); [apply vle_nil|apply vle_refl].
Qed.


(** ** The journal *)

(** All of the replica but the timestamp table, which a crash loses. *)
Definition durable (s : @rm Op Val) := with_tbl s [].

(** The durable replica is what it was before the handler, with the handler's journal replayed. *)
Definition journalled (s : @rm Op Val) (w : work) : Prop :=
  durable (core_of w) = replay_journal (durable s) (jrnl w).

Lemma drain_tbl n : forall (s : @rm Op Val) t,
  drain n (with_tbl s t) = (with_tbl (fst (drain n s)) t, snd (drain n s)).
Proof.
  induction n as [|n IH]; intros s t; simpl; auto.
  destruct (pick _ _ _) as [[r p']|]; auto.
  change (exec1 (with_tbl s t) r p') with (with_tbl (exec1 s r p') t). rewrite IH.
  destruct (drain n (exec1 s r p')); auto.
Qed.

Lemma commit_tbl (s : @rm Op Val) t c : fst (commit (with_tbl s t) c) = with_tbl (fst (commit s c)) t.
Proof.
  destruct c as [v l|upto]; simpl; auto. unfold settle.
  change (add_all (with_tbl s t) v l) with (with_tbl (add_all s v l) t). now rewrite drain_tbl.
Qed.

Lemma j_commit s c w : journalled s w -> journalled s (do_commit c w).
Proof.
  unfold journalled, do_commit, replay_journal. intros J. destruct (commit (core_of w) c) as [a l] eqn:E.
  cbn [jrnl]. rewrite fold_left_app, <- J. cbn [fold_left]. unfold durable. rewrite commit_tbl, E.
    reflexivity.
Qed.

Lemma j_collect s w : journalled s w -> journalled s (do_collect C w).
Proof. unfold do_collect. destruct (collects _ _); auto. apply j_commit. Qed.

Lemma j_batch s w : journalled s w -> journalled s (send_full_batch C w).
Proof.
  unfold send_full_batch. destruct (_ && _); auto. intros J.
  assert (G : forall l w, journalled s w -> journalled s (fold_left (fun w j => gossip C j w) l w)).
  { induction l; simpl; auto. }
  now apply G.
Qed.

Lemma j_answer_waiting s w : journalled s w -> journalled s (answer_waiting w).
Proof.
  intros J. unfold answer_waiting.
  assert (G : forall l w k, journalled s w -> journalled s (fst (fold_left answer_one l (w, k)))).
  { clear. induction l as [|[c p] l IH]; simpl; intros w k J; auto. unfold answer.
    destruct (on_query _ p) as [[v t]|]; apply IH; auto. }
  specialize (G (waiting (now w)) w [] J). destruct (fold_left answer_one (waiting (now w)) (w, [])). exact G.
Qed.

Theorem update_is_journalled m q : journalled (core m) (on_update C m q).
Proof.
  unfold on_update. destruct (known _ _).
  { destruct (if finished _ _ then _ else _); reflexivity. }
  destruct (negb (updatable _)); [reflexivity|]. destruct (negb (plausible _ _)); [reflexivity|].
  destruct (_ && _); [reflexivity|].
  assert (J : journalled (core m) (record C q (start m))).
  { unfold record, pull_for. destruct (first_beyond _ _); [destruct (_ && _)|]; now apply (j_commit _ _
    (start m)). }
  set (w1 := reply (q_cid q) (Some (r_ts (stamp (core m) q))) (record C q (start m))).
  exact (j_batch _ _ (j_answer_waiting _ _ (j_collect (core m) w1 J))).
Qed.

Theorem gossip_is_journalled m g : journalled (core m) (on_gossip C m g).
Proof.
  unfold on_gossip. destruct (_ && _); [reflexivity|].
  set (w1 := with_ctl _ _ _ (start m)). destruct (take _ _ _) as [v l].
  set (w2 := match l with [] => w1 | _ => _ end).
  assert (J : journalled (core m) w2).
  { unfold w2. destruct l; [reflexivity|]. now apply (j_commit _ _ w1). }
  exact (j_answer_waiting _ _ (j_collect (core m) (with_core (learn (core_of w2) g) w2) J)).
Qed.

(** A handler's work. *)
Definition works (m : mgr) (w : work) : Prop :=
  (exists q, w = on_update C m q) \/ (exists g, w = on_gossip C m g) \/
  (exists c prev, w = on_query_message C m c prev) \/ (exists j t, w = on_pull C m j t) \/
  exists j, w = on_gossip_timer C m j.

Lemma work_is_journalled m w : works m w -> journalled (core m) w.
Proof.
  intros [[q ->]|[[g ->]|[(c & prev & ->)|[(j & t & ->)|[j ->]]]]].
  - apply update_is_journalled.
  - apply gossip_is_journalled.
  - unfold on_query_message, answer, pull_for. destruct (on_query _ _) as [[v t]|]; [reflexivity|].
    destruct (_ && _); [reflexivity|]. destruct (first_beyond _ _); [destruct (_ && _)|]; reflexivity.
  - unfold on_pull. destruct (vleb _ _ _); reflexivity.
  - unfold on_gossip_timer. destruct (has_reason _ _); reflexivity.
Qed.

(** From [m], one handler after the other led to [m']; this is what each of them wrote, all of it at once. *)
Inductive worked : mgr -> list (list (@change Op)) -> mgr -> Prop :=
| W_none m : worked m [] m
| W_next m l m' w : worked m l m' -> works m' w -> worked m (l ++ [jrnl w]) (now w).

(** So a replica manager that crashes, and replays its journal from a checkpoint, is one that only lost its table
    (and what waits). *)
Theorem recovery m l m' : worked m l m' ->
  on_start C (replay_journal (durable (core m)) (concat l)) = on_start C (core m').
Proof.
  intros H. assert (E : replay_journal (durable (core m)) (concat l) = durable (core m')).
  { induction H as [m|m l m' w _ IH Hw]; [reflexivity|]. rewrite (work_is_journalled m' w Hw), <- IH.
    unfold replay_journal. now rewrite concat_app, fold_left_app, concat_cons, app_nil_r. }
  rewrite E. reflexivity.
Qed.

(** And one that crashes before all is written, is one that did not call the last handlers. *)
Theorem crash_amid m l m' k : worked m l m' -> exists m'', worked m (firstn k l) m'' /\
  on_start C (replay_journal (durable (core m)) (concat (firstn k l))) = on_start C (core m'').
Proof.
  intros H. assert (E : exists m'', worked m (firstn k l) m'').
  { induction H as [m|m l m' w H IH Hw]; [exists m; rewrite firstn_nil; constructor|].
    destruct (Nat.le_gt_cases k (length l)) as [L|L].
    - destruct IH as [m'' IH]. exists m''. rewrite firstn_app. replace (k - length l) with 0 by lia.
      now rewrite app_nil_r.
    - exists (now w). rewrite firstn_all2 by (rewrite app_length; simpl; lia). econstructor; eauto. }
  destruct E as [m'' E]. exists m''. split; auto. now apply recovery.
Qed.
End Simulation.
