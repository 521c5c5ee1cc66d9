(** While a replacement is being recorded: the handlers of each manager, of one that has recorded it and of one that
    has not, do nothing but what [Replacement] allows; and to record it is to start with a configuration that says
    who was replaced. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Theorems Fragments
  Progress Replacement Simulation.

Section Recorded.
Context {Op Val : Type} {P : Params Op Val}.
Notation st := (@st Op Val).
Notation mgr := (@mgr Op Val).
Notation gsp := (@gsp Op).
Notation stage := (@stage Op Val).
Variables (lost new : nat -> bool).

(** A configuration of [i] in this stage. Everyone who counts is asked; one of who has recorded it says of whom
    nothing is known at the start. Tables are not relayed. *)
Record configured (S : stage) (i : nat) (C : cfg) : Prop := {
  Y_partners : forall j, In j (partners C) -> j < nM;
  Y_relays : relays C = false;
  Y_asks : forall k, counts lost new (sys S) (rec S) i k -> is_absent C k = false;
  Y_starts : rec S i = true -> forall k, new k || lost k = true -> is_absent C k || is_new C k = true }.

Lemma goes_on_trans S1 S2 S3 : goes_on lost new S1 S2 -> goes_on lost new S2 S3 -> goes_on lost new S1 S3.
Proof. intros A B. induction B; auto. eapply Go_step; eauto. Qed.

Section One.
Variables (begun : st) (S0 : stage) (i : nat) (C : cfg).
Hypothesis R : reach begun.
Hypothesis T : fits lost new begun.
Hypothesis H0 : leads_to lost new begun S0.
Hypothesis Hi : i < nM.
Hypothesis Hm : member (sys S0) i.
Hypothesis Y : configured S0 i C.
Let F := rec S0.
Let L0 := said S0.
Let B := had S0.
Let s0 := sys S0.

(** From [s] they go on to [s'], and nobody records anything meanwhile. *)
Definition goes_to (s s' : st) : Prop :=
  exists L, goes_on lost new (mkstage s F L0 B) (mkstage s' F L B) /\ incl L0 L /\ heir s' = heir s.
(** What is heard by who has recorded it was said by such. *)
Definition heard (g : gsp) : Prop := F i = true -> In g L0.

Lemma goes_to_start : goes_to s0 s0.
Proof. exists L0. split; [constructor|split; [apply incl_refl|reflexivity]]. Qed.

Lemma begun_here : mkstage s0 F L0 B = S0.
Proof. unfold s0, F, L0, B. now destruct S0. Qed.

Lemma goes_to_reach s : goes_to s0 s -> reach s.
Proof.
  intros (L & G & _). rewrite begun_here in G.
  destruct (leads_to_GI lost new begun (mkstage s F L B) R T) as [I _]; [eapply goes_on_trans; eauto|].
  exact (G_reach _ _ _ I).
Qed.

Lemma acts_go s s' : goes_to s0 s -> act C heard i s s' -> goes_to s0 s'.
Proof.
  intros (L & G & X & E) A.
  assert (Mi : member s i) by (unfold member in *; now rewrite E).
  assert (D : exists L', goes lost new (mkstage s F L B) (mkstage s' F L' B) /\ incl L L' /\ heir s' = heir s).
  { destruct A.
    - exists L. split; [|split; [apply incl_refl|reflexivity]]. apply G_client; auto.
      intros g. simpl. split; [now right|]. intros [Z|Z]; auto. now destruct (H g).
    - exists L. split; [|split; [apply incl_refl|reflexivity]]. now apply G_accept.
    - rewrite (Y_relays _ _ _ Y). eexists. split; [now apply G_send|split; [|reflexivity]].
      destruct (F i); [apply incl_tl, incl_refl|apply incl_refl].
    - exists L. split; [|split; [apply incl_refl|reflexivity]].
      apply G_recv with (v := v) (l' := l'); auto. intros Hd. apply X, H1. now rewrite <- H2.
    - exists L. split; [|split; [apply incl_refl|reflexivity]]. apply G_discard; auto.
      intros k Hk Hc. apply H2. apply filter_In. split; auto. apply negb_true_iff, (Y_asks _ _ _ Y).
      change (counts lost new s0 F i k). unfold counts, member in *. now rewrite <- E. }
  destruct D as (L' & D & X' & E'). exists L'. split; [|split; [eapply incl_tran; eauto|now rewrite E']].
  eapply Go_step; eauto.
Qed.

Variable m : mgr.
Hypothesis Em : rms s0 i = core m.
Hypothesis Ha : asked s0 m.
Notation does w := (exists s, Sim goes_to i s0 w s).
Ltac by_acts H := intros; eapply H; eauto using goes_to_start, acts_go, goes_to_reach, (Y_partners _ _ _ Y).

(** Every handler call: what [Replacement] allows. *)
Theorem handlers_go :
  (forall q, In (MReq q) (net s0) -> does (on_update C m q)) /\
  (forall c prev d, In (MQry c prev d) (net s0) -> does (on_query_message C m c prev)) /\
  (forall said g, In (MGsp g) (net s0) -> g_dst g = i -> (said = epoch C -> heard g) -> does (hear C m said g)) /\
  (forall j t, j < nM -> does (on_pull C m j t)) /\
  (forall j, j < nM -> does (on_gossip_timer C m j)) /\
  does (start (on_start C (rms s0 i))).
Proof.
  split; [by_acts @update_is_acts|]. split; [by_acts @query_is_acts|]. split.
  { intros n g Hg Hd Hh. unfold hear. destruct (Nat.eqb_spec n (epoch C)) as [E|_].
    - specialize (Hh E). by_acts @gossip_is_acts.
    - exists s0. apply sim_start; auto. apply goes_to_start. }
  split; [by_acts @pull_is_acts|]. split; [by_acts @timer_is_acts|].
  eexists. apply sim_started. exists L0. split; [|split; [apply incl_refl|reflexivity]].
  eapply Go_step; [constructor|]. apply G_start; auto. intros k Hk.
  change (vle nR (tget (begins C (rms s0 i)) k) (tget (starts lost new (F i) (rms s0 i)) k)).
  rewrite begins_row by assumption. unfold starts. unfold tget at 2. cbn [tbl with_tbl].
  rewrite nth_map_seq by assumption.
  destruct (F i) eqn:E; simpl.
  - destruct (new k || lost k) eqn:N; [rewrite (Y_starts _ _ _ Y E k N); apply vle_refl|].
    destruct (is_absent C k || is_new C k); [apply vle_nil|apply vle_refl].
  - destruct (is_absent C k || is_new C k); [apply vle_nil|apply vle_refl].
Qed.
End One.

(** To record it: to start with a configuration that says who was replaced, and by whom. *)
Theorem start_records (s : st) F L B i C :
  stays lost s i -> F i = false -> (forall k, new k || lost k = true -> is_absent C k || is_new C k = true) ->
  goes lost new (mkstage s F L B)
    (mkstage (put s i (core (on_start C (rms s i))) []) (upd F i true) L (upd B i (rts (rms s i)))).
Proof.
  intros Hs HF HC. apply G_record; auto. intros k Hk.
  change (vle nR (tget (begins C (rms s i)) k) (tget (starts lost new true (rms s i)) k)).
  rewrite begins_row by assumption. unfold starts. unfold tget at 2. cbn [tbl with_tbl].
  rewrite nth_map_seq by assumption.
  simpl. destruct (new k || lost k) eqn:N; [rewrite (HC k N); apply vle_refl|].
  destruct (is_absent C k || is_new C k); [apply vle_nil|apply vle_refl].
Qed.

(** The newcomer starts with what [replaced] gives it, or knows less. *)
Theorem copy_starts C i (x : @rm Op Val) :
  core (on_copy C i x) = begins C (fresh_copy i x) /\
  forall k, k < nM -> vle nR (tget (core (on_copy C i x)) k) (tget (restart (fresh_copy i x)) k).
Proof.
  split; [reflexivity|]. intros k Hk. change (core (on_copy C i x)) with (begins C (fresh_copy i x)).
  rewrite begins_row by assumption. destruct (_ || _); [apply vle_nil|apply vle_refl].
Qed.
End Recorded.
