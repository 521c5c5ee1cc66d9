(** The steps of replacement keep the invariant. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local System Invariant Preserve.

Section Replacing.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation urec := (@urec Op).
Notation rm := (@rm Op Val).
Notation st := (@st Op Val).

Lemma fresh_copy_LI acc i j (x : rm) h : LI acc j x h -> LI acc i (fresh_copy i x) h.
Proof. intros L. constructor; try apply L. reflexivity. Qed.

Lemma fresh_row i (x : rm) j : j < nM ->
  tget (fresh_copy i x) j = if updatable i || updatable j then gone x else [].
Proof. intros Hj. unfold tget, fresh_copy, restart, with_tbl. cbn [tbl]. now rewrite nth_map_seq. Qed.

Section Replaced.
Variables (s : st) (src : nat -> nat) (new : nat -> bool) (late : list (@gsp Op)).
Hypothesis I : Inv s.
Hypothesis W : replaces s src new late.
Notation kept := (kept s src).
Notation only := (only s src).
Notation s' := (replaced s src new late).

Lemma in_only d r : In r (only d) <-> In r d /\ kept r = true.
Proof. apply filter_In. Qed.

Lemma src_in i : i < nM -> src i < nM /\ member s (src i) /\ src (src i) = src i.
Proof. intros Hi. destruct (W_src _ _ _ _ W i Hi) as [(A & B & C) _]. auto. Qed.

Lemma kept_held j r : j < nM -> In r (hist s (src j) ++ pend (rms s (src j))) -> kept r = true.
Proof.
  intros Hj Hr. pose proof (W_src _ _ _ _ W j Hj) as [Sj _]. destruct (src_in j Hj) as (A & _ & _).
  apply (L_corr _ _ _ _ (I_loc _ I (src j) A)) in Hr as [Ha Hr]. apply Nat.leb_le.
  pose proof (W_most _ _ _ _ W (r_org r) (src j) (proj1 (proj1 (I_wf _ I r Ha))) Sj). lia.
Qed.

Lemma seen_only d t : seen s d t -> seen s' (only d) t.
Proof. intros H r Hr. apply in_only in Hr as [Hr K]. destruct (H r Hr). split; auto. now apply in_only. Qed.

Lemma QM_only k v n : QM s k v n -> QM s' k v n.
Proof. intros Q a r Ha Hr. apply in_only in Ha as [Ha _], Hr as [Hr _]. now apply Q. Qed.

Lemma minds_src i j : i < nM -> j < nM -> minds i j -> minds (src i) (src j).
Proof.
  intros Hi Hj. unfold minds. destruct (W_src _ _ _ _ W i Hi) as [_ [->|]]; auto.
  destruct (W_src _ _ _ _ W j Hj) as [_ [->|]]; auto.
Qed.

Lemma gone_src i j : i < nM -> j < nM -> minds i j -> vle (gone (rms s (src i))) (rts (rms s (src j))).
Proof.
  intros Hi Hj Hm. destruct (src_in i Hi) as (A & B & _), (src_in j Hj) as (A' & B' & _).
  apply (I_gone _ I); auto. now apply minds_src.
Qed.

Lemma within_kept v r : within s src v = true -> In r (acc s) -> vle (r_ts r) v -> kept r = true.
Proof.
  intros E Ha Hr. apply vleb_spec in E. apply Nat.leb_le. destruct (proj1 (I_wf _ I r Ha)) as (Ho & _).
  specialize (E _ Ho). rewrite get_tab in E by assumption. specialize (Hr _ Ho). unfold r_seq. lia.
Qed.

Lemma rms_cases i : src i = i /\ rms s' i = rms s i \/ src i <> i /\ rms s' i = fresh_copy i (rms s (src i)).
Proof. simpl. destruct (Nat.eqb_spec (src i) i); auto. Qed.

(** All but the number and the table is the other one's. *)
Lemma rms_same i : rts (rms s' i) = rts (rms s (src i)) /\ gone (rms s' i) = gone (rms s (src i)) /\
  fin (rms s' i) = fin (rms s (src i)) /\ keys (rms s' i) = keys (rms s (src i)) /\
  val (rms s' i) = val (rms s (src i)) /\ pend (rms s' i) = pend (rms s (src i)).
Proof. destruct (rms_cases i) as [[E ->]|[_ ->]]; [rewrite E|]; splits; reflexivity. Qed.

Lemma top_src k : top s' k = get (rts (rms s (src k))) k.
Proof. unfold top. now rewrite (proj1 (rms_same k)). Qed.

Lemma heir_after k : k < nR -> heir s' k = k /\ (survivor s src k \/ top s k = 0) \/ heir s' k = src k /\ src
  k <> k.
Proof.
  intros Hk. simpl. destruct (new k) eqn:E.
  - left. split; auto. right. now apply (W_new _ _ _ _ W).
  - destruct (Nat.eq_dec (src k) k) as [Ek|Hn]; auto. left. split; auto. left. rewrite <- Ek. now apply
      (W_src _ _ _ _ W), nR_nM.
Qed.

Lemma late_ok g : In g late -> NI s' (MGsp g).
Proof.
  intros Hl. destruct (W_late _ _ _ _ W g Hl) as (Hm & Sg & Hc).
  destruct (I_net _ I _ Hm) as (N1 & N2 & N3 & N0 & N4). destruct Sg as (_ & Mg & Eg).
  simpl. splits; auto.
  - intros r Hr. apply in_only. split; [auto|]. apply Nat.leb_le. eapply Nat.le_trans; [now apply N0|].
    apply (W_most _ _ _ _ W); [|now split]. now apply (I_wf _ I r (N3 r Hr)).
  - intros r Hr. rewrite Eg, Nat.eqb_refl. auto.
  - intros C. destruct (Hc C) as (Tb & Hk). destruct (N4 C) as (A & _ & B & _). rewrite Eg, Tb, Nat.eqb_refl.
      splits; [exact A| | |].
    + intros k _ _. destruct k; apply vle_nil.
    + intros k Hkr Hh. destruct (heir_after k Hkr) as [[E [S|Z]]|[E Hn]]; simpl in Hh, E; rewrite Hh in E.
      * apply QM_only, B; auto. rewrite E. apply S.
      * intros a r _ Hr _ Ho _ _. apply in_only in Hr as [Hr _]. destruct (I_wf _ I r Hr) as [(_ & _ & Wz) Wt].
        rewrite Ho, Z in Wt. lia.
      * intros a r _ Hr _ Ho _ _. apply in_only in Hr as [_ Hr]. apply Nat.leb_le in Hr. rewrite Ho in Hr.
        specialize (Hk k Hkr (eq_sym E)). rewrite <- E in Hn. specialize (Hk (not_eq_sym Hn)). lia.
    + intros k Hkr a r Ha _ Hle. apply in_only in Ha as [Ha _]. exfalso.
      destruct (I_wf _ I a Ha) as [(_ & _ & Wz) _]. revert Hle. destruct (if new k then k else src k); simpl;
        rewrite get_nil; lia.
Qed.

Lemma after_ok m x : In m (net s) -> In x (after s src m) -> NI s' x.
Proof.
  intros Hin H. pose proof (I_net _ I _ Hin) as N. assert (Hl : forall v, hon s' v) by (intros v E;
    discriminate). destruct m; simpl in *.
  - destruct N as (A & B & C & _). destruct H as [<-|[]]. simpl. splits; auto. now apply seen_only.
  - destruct N as (A & _ & r & Hr & Hc). destruct H as [<-|[]].
    destruct (within s src t) eqn:F; [|split; auto; now apply seen_only].
    assert (K : forall x, In x d -> kept x = true) by (intros x Hx; destruct (A x Hx); now apply within_kept
      with t).
    simpl. splits; [|apply Hl|eauto]. intros x Hx. destruct (A x Hx). split; auto. apply in_only. auto.
  - easy.
  - destruct H as [<-|[]]. now apply seen_only.
  - destruct N as (A & B & C & D & V & O). destruct H as [<-|[]].
    destruct (within s src t) eqn:F; [|split; auto; apply seen_only; intros r Hr; now apply C].
    simpl. splits; auto.
    + apply vleb_spec in F. intros k Hk. specialize (F k Hk). rewrite get_tab in F by assumption. now rewrite
        top_src.
    + intros k Hk. destruct (B k Hk) as [?|(r & Hr & Hle & E)]; auto. right. exists r. splits; auto.
      apply in_only. split; auto. now apply within_kept with t.
    + intros r. rewrite in_only, C. split; [intros [H1 H2]; splits; auto; now apply within_kept with t|tauto].
    + intros l1 r l2 E r' Hr'. apply in_only in Hr' as [Hr' _]. now apply (O l1 r l2 E r').
  - destruct N as (A & _). destruct H as [<-|[]]. simpl. split; auto. now apply seen_only.
Qed.

Theorem inv_replaced : Inv s'.
Proof.
  assert (Wf : forall r, In r (acc s) -> WF r) by (intros; now apply I).
  pose proof top_src as T.
  assert (Top : forall j k, j < nM -> k < nR -> get (rts (rms s (src j))) k <= top s' k).
  { intros j k Hj Hk. rewrite T. apply (W_most _ _ _ _ W); auto. now apply (W_src _ _ _ _ W). }
  assert (Fresh : forall i j, i < nM -> j < nM -> vle (tget (fresh_copy i (rms s (src i))) j) (gone (rms s
    (src i)))).
  { intros i j Hi Hj. rewrite fresh_row by assumption. destruct (_ || _); [apply vle_refl|apply vle_nil]. }
  assert (Gq : forall i k, i < nM -> k < nR -> QM s' k (gone (rms s (src i))) (get (rts (rms s (src i))) k)).
  { intros i k Hi Hk. apply QM_only, (I_goneq _ I); auto. now apply src_in. }
  assert (Wf' : forall r, In r (acc s') -> WF r) by (intros r Hr; apply in_only in Hr as [Hr _]; auto).
  constructor.
  - intros i Hi. change (LI (only (acc s)) i (rms s' i) (hist s (src i))). destruct (src_in i Hi) as (A & _).
      pose proof (I_loc _ I _ A) as L.
    assert (L' : LI (only (acc s)) (src i) (rms s (src i)) (hist s (src i))).
    { constructor; try apply L.
      + intros r. rewrite in_only. split.
        * intros Hr. pose proof (kept_held i r Hi Hr). apply (L_corr _ _ _ _ L) in Hr. tauto.
        * intros [[H1 _] H2]. now apply (L_corr _ _ _ _ L).
      + intros l1 r l2 E r' Hr'. apply in_only in Hr' as [Hr' _]. now apply (L_ord _ _ _ _ L l1 r l2 E r'). }
    destruct (rms_cases i) as [[E ->]|[_ ->]]; [now rewrite E in *|now apply fresh_copy_LI with (j := src i)].
  - intros i Hi. destruct (rms_cases i) as [[E ->]|[_ ->]]; [now apply (I_fix _ I i)|].
    apply (I_fix _ I (src i)). now apply src_in.
  - intros r Hr. apply in_only in Hr as [Hr K]. split; auto. rewrite T. now apply Nat.leb_le.
  - intros i Hi k Hk. rewrite (proj1 (rms_same i)). now apply Top.
  - intros r r' Hr Hr'. apply in_only in Hr as [Hr _], Hr' as [Hr' _]. now apply I.
  - discriminate.
  - intros i j Hi Hj Hmj. rewrite (proj1 (rms_same j)). destruct (src_in j Hj) as (Aj & Bj & Cj).
    destruct (rms_cases i) as [[E ->]|[_ ->]].
    + destruct (src_in i Hi) as (A & B & _). rewrite E in A, B.
      unfold member in Hmj. simpl in Hmj. destruct (new j) eqn:N.
      * eapply vle_trans; [apply (W_row _ _ _ _ W i j); auto; now split|].
        destruct (W_new _ _ _ _ W j N) as (_ & Nj & _).
        destruct (W_src _ _ _ _ W j Hj) as [_ [X|X]]; [rewrite X in Bj; now elim Nj|].
        apply (I_gone _ I); auto. now right.
      * rewrite Hmj in *. now apply (I_tbl _ I i j).
    + rewrite fresh_row by assumption. unfold updatable.
      destruct (_ || _) eqn:K; [|apply vle_nil]. apply gone_src; auto.
      apply orb_true_iff in K as [K|K]; apply Nat.ltb_lt in K; [now left|now right].
  - intros i j Hi Hj _ Hmd. rewrite (proj1 (rms_same j)), (proj1 (proj2 (rms_same i))). now apply gone_src.
  - intros i k Hi Hk. rewrite (proj1 (rms_same i)). assert (HkM := nR_nM _ Hk).
    destruct (rms_cases i) as [[E ->]|[_ ->]].
    2:{ apply (QM_le s' k _ (gone (rms s (src i))) (get (rts (rms s (src i))) k)); auto.
        apply Fresh; auto. simpl heir. destruct (new k); auto. now apply src_in. }
    destruct (src_in i Hi) as (A & B & C). rewrite E in *.
    assert (Trivial : get (rts (rms s (src k))) k <= get (rts (rms s i)) k -> QM s' k (tget (rms s i) (heir
      s' k)) (get (rts (rms s i)) k)).
    { intros X a r _ Hr _ Ho _ _. apply in_only in Hr as [_ Hr]. apply Nat.leb_le in Hr. rewrite Ho in Hr.
      lia. }
    destruct (heir_after k Hk) as [[Eh [S|Z]]|[Eh Hn]].
    + rewrite Eh. apply QM_only. destruct S as (_ & S & _). rewrite <- S at 2. now apply (I_tblq _ I i k).
    + apply Trivial. pose proof (I_rts _ I (src k) ltac:(now apply src_in) k Hk). lia.
    + rewrite Eh in *. destruct (proj2 (W_row _ _ _ _ W i k ltac:(now split) HkM) Hk Hn) as [X|X]; auto.
      apply (QM_le s' k _ (gone (rms s i)) (get (rts (rms s i)) k)); auto. specialize (Gq i k Hi Hk). now
        rewrite E in Gq.
  - intros i k Hi Hk. rewrite (proj1 (rms_same i)), (proj1 (proj2 (rms_same i))). now apply Gq.
  - intros x Hx. simpl in Hx. apply in_app_or in Hx as [Hx|Hx].
    { apply in_map_iff in Hx as (g & <- & Hg). now apply late_ok. }
    apply in_flat_map in Hx as (m & Hmn & Hx). now apply after_ok with m.
  - intros f. split; [|intros E; discriminate]. simpl. apply seen_only, (I_fe _ I f).
  - intros r Hr. apply in_only in Hr as [Hr _]. simpl. now apply I.
  - intros r Hr. apply in_only in Hr as [Hr _]. simpl. apply seen_only. now apply I.
  - intros r Hr. apply in_only in Hr as [Hr _]. simpl. now apply I.
  - intros i c Hi Hc Hn. simpl hist in Hc. destruct (rms_same i) as (_ & _ & _ & Ek & _). rewrite Ek in Hn.
    destruct (src_in i Hi) as (A & _). destruct (I_dead _ I (src i) c A Hc Hn) as [D1 D2]. split.
    + intros k Hk _. destruct (src_in k (nR_nM _ Hk)) as (A' & B' & _). destruct (rms_same k) as (_ & _ & Ef
        & _). rewrite Ef.
      destruct (W_src _ _ _ _ W k (nR_nM _ Hk)) as [_ [E|E]]; [rewrite E in *|]; now apply D1.
    + intros r Hr. apply in_only in Hr as [Hr _]. now apply D2.
  - intros k Hk. simpl. destruct (src_in k Hk) as (A & B & C). destruct (new k) eqn:E.
    + rewrite E. auto.
    + destruct (new (src k)) eqn:E'; splits; auto. destruct (W_src _ _ _ _ W k Hk) as [_ H]. exact H.
      destruct (W_src _ _ _ _ W k Hk) as [_ H]. exact H.
  - intros k Hk. rewrite T. destruct (src_in k (nR_nM _ Hk)) as (A & B & C). rewrite (proj1 (rms_same _)).
      simpl.
    destruct (new k); [auto|]. now rewrite C.
  - intros c n Hc H0 Hle. rewrite T in Hle. destruct (src_in c (nR_nM _ Hc)) as (A & _).
    destruct (I_cnt _ I c n Hc H0) as (r & Hr & Ho & Hs).
    { pose proof (I_rts _ I _ A c Hc). lia. }
    exists r. splits; auto. apply in_only. split; auto. apply Nat.leb_le. rewrite Ho, Hs. exact Hle.
Qed.
End Replaced.

(** A manager that takes the state of a member that is ahead. *)
Theorem inv_copy (s : st) i j : Inv s -> i < nM -> j < nR -> member s j -> vle (rts (rms s i)) (rts (rms s
  j)) ->
  Inv (mkst (upd (rms s) i (fresh_copy i (rms s j))) (upd (hist s) i (hist s j)) (acc s) (net s) (fes s)
         (gdep s) (gsub s) (lied s) (heir s)).
Proof.
  intros I Hi Hj Hmj Hle. set (s' := mkst _ _ _ _ _ _ _ _ _). assert (HjM := nR_nM _ Hj).
  assert (Wf : forall r, In r (acc s) -> WF r) by (intros; now apply I).
  assert (Hru : forall k, k < nM -> vle (rts (rms s k)) (rts (rms s' k))).
  { intros k Hk. simpl. at_i k i; [exact Hle|apply vle_refl]. }
  assert (E : ext s s').
  { constructor; simpl; auto. apply incl_refl. }
  assert (T : forall c, c < nR -> top s' c = top s c).
  { intros c Hc. unfold top; simpl. at_i c i; auto. apply Nat.le_antisymm; [now apply (I_rts _ I j)|now apply
    Hle]. }
  assert (BB : forall v, below s v -> below s' v) by (intros v Hv c Hc; rewrite T; auto).
  constructor; simpl.
  - intros k Hk. at_i k i; [|now apply I]. apply fresh_copy_LI with (j := j). now apply I.
  - intros k Hk. at_i k i; [|now apply I]. apply (I_fix _ I j HjM).
  - intros r Hr. rewrite T by apply (Wf r Hr). now apply I.
  - intros k Hk. apply BB. at_i k i; [apply (I_rts _ I j HjM)|now apply I].
  - apply I.
  - intros Hl. destruct (I_hon _ I Hl). split; auto.
  - intros k l Hk Hl Hml. change (member s l) in Hml. eapply vle_trans; [|now apply (Hru l)].
    at_i k i; [|now apply I]. rewrite fresh_row by assumption. destruct (_ || _); [|apply vle_nil].
    apply (I_gone _ I j l); auto. now left.
  - intros k l Hk Hl Hml Hmd. change (member s l) in Hml. eapply vle_trans; [|now apply (Hru l)].
    at_i k i; [|now apply I]. apply (I_gone _ I j l); auto. now left.
  - intros k c Hk Hc. at_i k i; [|now apply (I_tblq _ I k c)].
    rewrite fresh_row by now apply heir_in, nR_nM.
    eapply QM_le; [|apply le_n|auto|apply (I_goneq _ I j c); auto]. destruct (_ || _); [apply vle_refl|apply
      vle_nil].
  - intros k c Hk Hc. at_i k i; [|now apply (I_goneq _ I k c)]. now apply (I_goneq _ I j c).
  - intros m Hm. eapply NI_mono; eauto. now apply I.
  - intros f. destruct (I_fe _ I f) as (A & B). split; auto. eapply hon_ext; eauto.
  - apply I.
  - apply I.
  - apply I.
  - intros k c Hk Hin Hne.
    assert (X : (forall k, k < nR -> member s k -> snd c < lowof (fin (rms s k)) (fst c)) /\
                (forall r, In r (acc s) -> r_cid r = c -> In r (upd (hist s) i (hist s j) k))).
    { at_i k i; [now apply (I_dead _ I j c)|now apply (I_dead _ I k c)]. }
    destruct X as [X1 X2]. split; auto. intros l Hl Hml. at_i l i; [|now apply X1]. now apply (X1 j).
  - apply I.
  - intros k Hk. change (top s' k <= get (rts (rms s' (heir s k))) k). rewrite T by assumption.
    eapply Nat.le_trans; [now apply (I_most _ I)|]. apply Hru; auto. now apply heir_in, nR_nM.
  - intros c n Hc H0 Hn. change (top (mkst _ _ _ _ _ _ _ _ _) c) with (top s' c) in Hn. rewrite T in Hn by
      assumption. now apply I.
Qed.
End Replacing.
