(** Every step keeps the invariant, so it holds in every state that can be reached. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local System Invariant Preserve Replaced.

Section Reachable.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation urec := (@urec Op).
Notation rm := (@rm Op Val).
Notation st := (@st Op Val).

Theorem inv_step (s s' : st) : Inv s -> step s s' -> Inv s'.
Proof.
  intros I S. destruct S.
  - apply inv_submit; auto; [apply (I_fe _ I f)|]. intros _. apply (I_fe _ I f).
  - apply inv_submit; auto; [intros r []|discriminate].
  - apply inv_soft; auto.
    + intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; lia.
    + intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; [|apply (I_fe _ I)].
      split; [intros r []|]. intros _. split; [|apply Gen_nil]. intros c Hc. rewrite get_nil. lia.
  - now apply inv_accept.
  - pose proof (timestamp_of_ok s i c t I H H0). now apply inv_send.
  - destruct (I_net _ I _ H) as (A & B & _). now apply inv_sees.
  - apply inv_send; auto. intros net'. pose proof (I_loc _ I i H) as L. simpl. rewrite (me_i s i I H).
    splits; auto.
    + intros r Hr. apply in_beyond in Hr. apply (L_corr _ _ _ _ L). apply in_or_app.
      apply in_app_or in Hr as [?|Hr]; auto. left. now apply (L_done _ _ _ _ L).
    + intros r Hr. apply in_beyond in Hr. apply (L_corr _ _ _ _ L). apply in_or_app.
      apply in_app_or in Hr as [?|Hr]; auto. left. now apply (L_done _ _ _ _ L).
    + assert (Row : forall k, k < nM -> nth k (if relays then map (tget (rms s i)) (seq 0 nM) else []) [] =
          if relays then tget (rms s i) k else []).
      { intros k Hk. destruct relays; [now rewrite nth_map_seq|]. destruct k; auto. }
      intros _. splits.
      * apply vle_refl.
      * intros k Hk Hmk. rewrite Row by assumption. destruct relays; [now apply (I_tbl _ I i k)|apply vle_nil].
      * intros k Hk Hh a r Ha Hr _ Ho _ _. destruct (I_wf _ I r Hr) as [_ Hr2]. rewrite Ho in Hr2.
        change (heir s k = i) in Hh. pose proof (I_most _ I k Hk) as M. rewrite Hh in M. lia.
      * intros k Hk. simpl heir. rewrite Row by now apply heir_in, nR_nM. destruct relays; [now apply (I_tblq
          _ I i k)|].
        intros a r Ha Hr Hle. rewrite get_nil in Hle. destruct (I_wf _ I a Ha) as [(_ & _ & W) _]. lia.
  - destruct H0 as (A & B & C & D). destruct (I_net _ I _ H) as (N1 & N2 & N3 & N0 & N4).
    apply inv_send; auto. intros net'. simpl. rewrite A, B.
    splits; [auto|auto|intros r Hr; auto|intros r Hr; auto|].
    + intros F. destruct (D F) as (D1 & D2 & D3). rewrite D2, D3. apply N4, D1.
  - eapply inv_recv; eauto.
  - now apply inv_discard.
  - now apply inv_crash.
  - now apply inv_replaced.
  - now apply inv_copy.
  - apply inv_send; auto. intros net'. apply (I_fe _ I f).
  - apply inv_send; auto. intros net' r [].
  - pose proof (I_loc _ I i H) as L. pose proof (I_net _ I _ H0) as Hq. simpl in Hq.
    unfold on_query in H1. destruct (vleb nR prev (vts (rms s i))) eqn:E; [|discriminate].
    apply vleb_spec in E. inversion H1; subst.
    assert (Hacc : forall r, In r (acc s) -> WF r) by (intros; now apply I).
    apply inv_send; auto. intros net'. simpl. splits.
    + eapply below_vle; [apply (I_rts _ I i H)|apply L].
    + eapply Gen_incl; [|apply L]. intros x Hx. apply (L_corr _ _ _ _ L). apply in_or_app; now left.
    + intros x. now apply (hist_is_downset _ _ Hacc _ _ L (I_fix _ I i H)).
    + intros x Hx. destruct (Hq x Hx) as [Hx1 Hx2].
      apply (hist_is_downset _ _ Hacc _ _ L (I_fix _ I i H)). split; auto. eapply vle_trans; eauto.
    + apply L.
    + apply L.
  - destruct (I_net _ I _ H) as (N1 & N2 & N3 & _). apply inv_sees; auto; [|now split].
    intros x Hx. now apply N3.
  - apply inv_send; auto. intros net'. apply (I_fe _ I f).
  - destruct (I_net _ I _ H) as (A & B). now apply inv_sees.
Qed.

Theorem reach_inv (s : st) : reach s -> Inv s.
Proof. induction 1; [now apply inv_begin|eapply inv_step; eauto]. Qed.
(** No record is twice in what an answer reflects. *)
Lemma answers_once (s : st) : reach s -> forall c v t d h, In (MQrep c v t d h) (net s) -> NoDup h.
Proof.
  induction 1 as [h0 _|s s' R IH S]; [easy|]. intros c v t d h Hm. pose proof (reach_inv s R) as I.
  assert (K : forall m, In (MQrep c v t d h) (m :: net s) -> (forall c v t d h, m <> MQrep c v t d h) -> NoDup h).
  { intros m [E|E] N; [now elim (N c v t d h)|eapply IH; eauto]. }
  destruct S; simpl in Hm; try solve [eapply IH; eauto|eapply K; [exact Hm|discriminate]].
  - apply in_app_or in Hm as [Hm|Hm]; [apply in_map_iff in Hm as (g & E & _); discriminate|].
    apply in_flat_map in Hm as (m & Hn & Hm). destruct m; simpl in Hm; try (destruct (within _ _ _) in Hm);
      try (destruct Hm as [Hm|[]]; inversion Hm; subst; eapply IH; eauto). destruct Hm.
  - destruct Hm as [Hm|Hm]; [|eapply IH; eauto]. inversion Hm; subst.
    pose proof (L_nd _ _ _ _ (I_loc _ I i H)) as N. revert N. generalize (pend (rms s i)). clear.
    induction (hist s i) as [|x l IHl]; intros p N; [constructor|]. inversion N; subst.
    constructor; [intros Hx; apply H1, in_or_app; now left|eapply IHl; eauto].
Qed.
(** The timestamp of a reply is made of timestamps of records, whatever front ends claim. *)
Lemma replies_made (s : st) : reach s -> forall c t d, In (MRep c t d) (net s) -> Gen (acc s) t.
Proof.
  induction 1 as [h0 _|s s' R IH S]; [easy|]. intros c t d Hm. pose proof (reach_inv s R) as I.
  assert (K : forall m, In (MRep c t d) (m :: net s) -> (forall c t d, m <> MRep c t d) -> Gen (acc s) t).
  { intros m [E|E] N; [now elim (N c t d)|eapply IH; eauto]. }
  destruct S; simpl in *; try solve [eapply IH; eauto|eapply K; [exact Hm|discriminate]].
  - destruct Hm as [Hm|Hm]; [|eapply Gen_incl; [|eapply IH; eauto]; intros x Hx; now right].
    inversion Hm; subst. apply (Gen_ts _ (stamp (rms s i) q)). now left.
  - destruct Hm as [Hm|Hm]; [|eapply IH; eauto]. inversion Hm; subst. pose proof (I_loc _ I i H) as L.
    unfold timestamp_of in H0. destruct (map r_ts _ ++ map snd _) as [|t0 l] eqn:E; [discriminate|]. inversion H0; subst.
    apply fold_vmax_closed; [intros; now apply Gen_vmax|]. rewrite <- E. intros x Hx.
    apply in_app_or in Hx as [Hx|Hx]; apply in_map_iff in Hx as (y & <- & Hy); apply filter_In in Hy as [Hy _].
    + apply Gen_ts, (L_corr _ _ _ _ L), in_or_app. now right.
    + destruct y as [c' y]. apply (L_exec _ _ _ _ L) in Hy as (_ & _ & _ & G). eapply Gen_incl; [|exact G].
      intros r Hr. apply (L_corr _ _ _ _ L), in_or_app. now left.
  - apply in_app_or in Hm as [Hm|Hm]; [apply in_map_iff in Hm as (g & E & _); discriminate|].
    apply in_flat_map in Hm as (m & Hn & Hm). destruct m; simpl in Hm; try (destruct (within _ _ _) eqn:F in Hm);
      try (destruct Hm as [Hm|[]]; inversion Hm; subst); [|destruct Hm].
    pose proof (IH _ _ _ Hn) as G. intros k Hk. destruct (G k Hk) as [|(r & Hr & Hle & E)]; auto. right. exists r.
    splits; auto. apply in_only. split; auto. now apply (within_kept s src I t r).
Qed.
End Reachable.
