(** Every reachable state satisfies the invariant. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local System.

Section Invariant.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation urec := (@urec Op).
Notation rm := (@rm Op Val).
Notation st := (@st Op Val).

Lemma inv_init : Inv (init (P := P)).
Proof.
  constructor; simpl; try tauto.
  - intros i Hi. constructor; simpl; try tauto; try apply NoDup_nil; try apply Gen_nil;
      try apply vle_refl; try apply incl_refl.
    intros l1 r l2 H. destruct l1; discriminate.
  - intros i Hi r [].
  - intros i Hi c Hc. unfold top; simpl. rewrite !get_nil; lia.
  - intros i j Hi Hj. unfold tget; simpl. destruct j; apply vle_refl.
  - intros f. splits; try easy.
    intros c Hc. simpl. rewrite get_nil; lia.
  - intros i j f Hi Hj. unfold lget; simpl. destruct j; simpl; lia.
  - intros c Hc. left. unfold top; simpl. apply get_nil.
Qed.

Lemma me_i (s : st) i : Inv s -> i < nR -> me (rms s i) = i.
Proof. intros I Hi. apply (I_loc _ I i Hi). Qed.

Lemma stamp_facts (s : st) i q : Inv s -> i < nR -> below s (q_prev q) ->
  let r := stamp (rms s i) q in
  r_org r = i /\ r_seq r = S (top s i) /\ WF r.
Proof.
  intros I Hi B r.
  assert (Ho : r_org r = i) by (unfold r, stamp; simpl; now apply me_i).
  assert (Hs : r_seq r = S (top s i)).
  { unfold r_seq. rewrite Ho. unfold r, stamp; simpl. rewrite (me_i s i I Hi).
    rewrite get_vset_eq by assumption. reflexivity. }
  splits; auto. repeat split.
  - rewrite Ho; auto.
  - intros j Hj Hn. rewrite Ho in Hn. unfold r, stamp; simpl. rewrite (me_i s i I Hi).
    now apply get_vset_neq.
  - rewrite Ho, Hs. unfold r, stamp; simpl. specialize (B i Hi). lia.
Qed.

Lemma nodup_app_intro {A} (l1 l2 : list A) :
  NoDup l1 -> NoDup l2 -> (forall x, In x l1 -> In x l2 -> False) -> NoDup (l1 ++ l2).
Proof.
  induction l1 as [|y l1 IH]; simpl; intros H1 H2 H3; auto. inversion H1; subst. constructor.
  - intros Hc. apply in_app_or in Hc as [?|?]; eauto.
  - apply IH; auto. intros z Hz1 Hz2. eapply H3; eauto.
Qed.

Lemma nodup_app_r {A} (l1 l2 : list A) : NoDup (l1 ++ l2) -> NoDup l2.
Proof. induction l1; simpl; auto. intros H; inversion H; auto. Qed.

Lemma nodup_app_disj {A} (l1 l2 : list A) x : NoDup (l1 ++ l2) -> In x l1 -> In x l2 -> False.
Proof.
  induction l1 as [|y l1 IH]; simpl; intros N H1 H2; [easy|]. inversion N; subst.
  destruct H1 as [->|H1]; auto. apply H3, in_or_app; now right.
Qed.

Lemma inv_accept (s : st) i f q a l :
  Inv s -> i < nR -> In (MReq f q) (net s) -> known (rms s i) (q_cid q) = false ->
  settle (add_new (rms s i) q) = (a, l) ->
  Inv (mkst (upd (rms s) i a) (upd (hist s) i (hist s i ++ l))
      (stamp (rms s i) q :: acc s) (MRep f (stamp (rms s i) q) :: net s) (fes s) (gdep s) (gsub s)).
Proof.
  intros I Hi Hm K Hset.
  unfold known in K. apply orb_false_iff in K as [K K3]. apply orb_false_iff in K as [K1 K2].
  apply Nat.ltb_ge in K1.
  assert (Kx : ~ In (q_cid q) (exec (rms s i))).
  { intros Hc. apply memc_spec in Hc. congruence. }
  (* an identifier that any replica has forgotten is refused here *)
  assert (Kd : forall j, j < nR -> In (q_cid q) (map r_cid (hist s j)) -> In (q_cid q) (exec (rms s j))).
  { intros j Hj Hin. destruct (memc (q_cid q) (exec (rms s j))) eqn:M; [now apply memc_spec|].
    exfalso. destruct (I_dead _ I j (q_cid q) Hj Hin) as [D1 _].
    - intros Hc. apply memc_spec in Hc. congruence.
    - specialize (D1 i Hi). lia. }
  unfold settle in Hset. destruct (drain_exec _ _ _ _ Hset) as (XL & XT & XE & XI). fold (settle (add_new (rms s i) q)) in Hset.
  destruct (I_net _ I _ Hm) as (B & G & F1 & F2 & D & SU).
  destruct (stamp_facts s i q I Hi B) as (Ho & Hs & Wr).
  remember (stamp (rms s i) q) as r eqn:Er.
  set (s' := mkst _ _ _ _ _ _ _).
  pose proof (I_loc _ I i Hi) as L.
  assert (Hmono : vle (rts (rms s i)) (rts (add_new (rms s i) q))).
  { intros j Hj. unfold add_new; simpl. rewrite get_vset by assumption.
    destruct (j =? me (rms s i)) eqn:E; [|lia]. apply Nat.eqb_eq in E; subst; lia. }
  assert (Hget : forall j, j < nR -> get (rts (add_new (rms s i) q)) j =
                   if j =? i then S (top s i) else get (rts (rms s i)) j).
  { intros j Hj. unfold add_new; simpl. rewrite (me_i s i I Hi), get_vset by assumption. reflexivity. }
  assert (Hwf' : forall x, In x (r :: acc s) -> WF x).
  { intros x [Ex|Hx]; [subst x; auto|now apply I]. }
  (* provisional facts about the settled state need LI of add_new over r :: acc *)
  assert (Hext0 : forall a', rts a' = rts (add_new (rms s i) q) -> low a' = low (rms s i) ->
     ext s (mkst (upd (rms s) i a') (upd (hist s) i (hist s i ++ l)) (r :: acc s) (MRep f r :: net s) (fes s) (gdep s) (gsub s))).
  { intros a' Ea El. constructor; simpl; auto.
    - apply incl_tl, incl_refl.
    - intros x [Ex|Hx]; [subst x; right; rewrite Ho, Hs; auto|auto].
    - intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn].
      + rewrite upd_eq, Ea. exact Hmono.
      + rewrite upd_neq by assumption. apply vle_refl.
    - intros k g Hk. destruct (Nat.eq_dec k i) as [->|Hn]; [now rewrite upd_eq, El|now rewrite upd_neq].
    - intros x [Ex|Hx]; [subst x; right|auto]. rewrite Ho. rewrite Er. exact K1. }
  assert (L1 : LI (r :: acc s) i (add_new (rms s i) q) (hist s i)).
  { pose proof (Hext0 (add_new (rms s i) q) eq_refl eq_refl) as E.
    assert (L2 : LI (r :: acc s) i (rms s i) (hist s i)).
    { eapply (LI_grow s _ i _ _ E); auto; now apply I. }
    constructor; try apply L.
    - eapply vle_trans; [apply L|exact Hmono].
    - intros x. unfold add_new at 1; simpl pend. rewrite <- Er. split.
      + intros Hx. rewrite app_assoc in Hx. apply in_app_or in Hx as [Hx|[Ex|[]]]; [|subst x].
        * apply (L_corr _ _ _ _ L2) in Hx as [H1 H2]. split; auto.
          specialize (Hmono (r_org x)). assert (r_org x < nR) by now apply Hwf'. specialize (Hmono H). lia.
        * split; [now left|]. change (r_seq r <= get (rts (add_new (rms s i) q)) (r_org r)).
          rewrite Ho, Hget, Nat.eqb_refl by assumption. lia.
      + intros [[Ex|Hx] Hle]; rewrite app_assoc; apply in_or_app; [subst x; right; now left|left].
        apply (L_corr _ _ _ _ L). split; auto. destruct (I_wf _ I x Hx) as [Wx Hx2].
        rewrite Hget in Hle by apply Wx. destruct (Nat.eqb_spec (r_org x) i) as [Eo|Eo]; auto.
        rewrite Eo in *. exact Hx2.
    - unfold add_new; simpl pend. rewrite app_assoc, <- Er.
      eapply Permutation_NoDup; [apply Permutation_cons_append|]. constructor; [|apply L].
      intros Hc. apply (L_corr _ _ _ _ L) in Hc as [Hc1 Hc2].
      destruct (I_wf _ I _ Hc1) as [_ Hc3]. rewrite Ho, Hs in Hc3. lia.
    - apply L2.
    - unfold add_new; simpl pend; simpl exec. intros x Hx Hc. apply in_app_or in Hx as [Hx|[Ex|[]]].
      + now apply (L_exec2 _ _ _ _ L).
      + rewrite <- Ex in *. simpl in *. now apply Kd. }
  destruct (settle_LI _ _ Hwf' _ _ _ _ L1 Hset) as (LA & FA & RA & TA & VA & PA & _).
  pose proof (Hext0 a RA XL) as E. fold s' in E.
  assert (T : forall c, c < nR -> top s' c = if c =? i then S (top s i) else top s c).
  { intros c Hc. unfold top; simpl. destruct (Nat.eqb_spec c i) as [->|Hn].
    - rewrite upd_eq, RA, Hget, Nat.eqb_refl by assumption. reflexivity.
    - now rewrite upd_neq. }
  constructor; simpl.
  - intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn]; [rewrite !upd_eq; auto|].
    rewrite !upd_neq by assumption. eapply (LI_grow s s'); eauto; now apply I.
  - intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn]; [rewrite !upd_eq; auto|].
    rewrite !upd_neq by assumption. now apply I.
  - intros x [Ex|Hx]; [subst x|].
    + split; auto. rewrite Ho, T, Nat.eqb_refl by assumption. lia.
    + destruct (I_wf _ I x Hx) as [Wx Hle]. split; auto. pose proof (ext_top _ _ _ E (proj1 Wx)). lia.
  - intros x [Ex|Hx]; [subst x|]; (eapply ext_below; [exact E|]); [rewrite Er; exact B|now apply I].
  - intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn].
    + rewrite upd_eq, RA. intros c Hc. rewrite Hget, T by assumption.
      destruct (c =? i); [lia|]. now apply I.
    + rewrite upd_neq by assumption. eapply ext_below; eauto. now apply I.
  - assert (Hnew : forall x, In x (acc s) -> r_org x = i -> r_seq x = S (top s i) -> False).
    { intros x Hx Ex Sx. destruct (I_wf _ I x Hx) as [_ Hle]. rewrite Ex in Hle. lia. }
    intros x y [Ex|Hx] [Ey|Hy] Eo Es.
    + congruence.
    + exfalso; apply (Hnew y); auto; congruence.
    + exfalso; apply (Hnew x); auto; congruence.
    + now apply I.
  - splits; [rewrite Er; exact G| |apply I].
    intros x Hx. rewrite Ho, Hs. pose proof (I_prev _ I x Hx i Hi). lia.
  - intros j k Hj Hk. destruct (Nat.eq_dec j i) as [->|Hn].
    + rewrite upd_eq. unfold tget. rewrite TA. simpl tbl.
      eapply vle_trans; [apply (I_tbl _ I i k Hi Hk)|now apply (E_rts _ _ E k)].
    + rewrite (upd_neq _ _ _ j) by assumption.
      eapply vle_trans; [apply (I_tbl _ I j k Hj Hk)|now apply (E_rts _ _ E k)].
  - assert (Hall : forall x, In x (acc s) -> (forall k, k < nR -> r_seq x <= get (rts (rms s k)) (r_org x)) ->
              forall k, k < nR -> r_seq x <= get (rts (upd (rms s) i a k)) (r_org x)).
    { intros x Hx H k Hk. specialize (H k Hk). pose proof (E_rts _ _ E k Hk (r_org x)) as Y.
      assert (r_org x < nR) by now apply I. specialize (Y H0). simpl in Y. lia. }
    intros j x Hj Hx Hle. destruct (Nat.eq_dec j i) as [->|Hn].
    + rewrite upd_eq in *. destruct Hx as [Ex|Hx]; [subst x|].
      * left. apply PA. apply in_or_app; left. simpl. rewrite <- Er. apply in_or_app; right; now left.
      * destruct (I_wf _ I x Hx) as [Wx Hx2].
        assert (Hle' : r_seq x <= get (rts (rms s i)) (r_org x)).
        { rewrite RA, Hget in Hle by apply Wx. destruct (Nat.eqb_spec (r_org x) i) as [Eo|Eo]; auto.
          rewrite Eo in *. exact Hx2. }
        destruct (I_log _ I i x Hi Hx Hle') as [Hin|Hal].
        -- left. apply PA. simpl. apply in_app_or in Hin as [?|?]; apply in_or_app; auto.
           left; apply in_or_app; now left.
        -- right. now apply Hall.
    + rewrite upd_neq in * by assumption. destruct Hx as [Ex|Hx]; [subst x|].
      * exfalso. rewrite Ho, Hs in Hle. pose proof (I_rts _ I j Hj i Hi). lia.
      * destruct (I_log _ I j x Hj Hx Hle) as [Hin|Hal]; auto.
  - intros m [<-|Hm']; [now left|]. eapply NI_mono; eauto. now apply I.
  - intros g. destruct (I_fe _ I g) as (A1 & A2 & A3). splits.
    + eapply ext_below; eauto.
    + eapply Gen_incl; [|exact A2]. apply incl_tl, incl_refl.
    + intros x Hx. destruct (A3 x Hx); auto.
  - intros x [Ex|Hx]; [subst x|now apply I]. rewrite Er. unfold stamp; simpl. now rewrite F1.
  - intros x d [Ex|Hx] Hd; [subst x|].
    + rewrite Er in Hd. simpl in Hd. destruct (D d Hd). split; auto. now rewrite Er.
    + destruct (I_dep _ I x d Hx Hd); auto.
  - intros x [Ex|Hx]; [subst x|now apply I]. rewrite Er. exact SU.
  - intros j k g Hj Hk.
    assert (X : lowof (lget (upd (rms s) i a j) k) g <= lowof (low (rms s k)) g).
    { destruct (Nat.eq_dec j i) as [->|Hn].
      - rewrite upd_eq. unfold lget. rewrite XT. now apply (I_low _ I i k).
      - rewrite upd_neq by assumption. now apply (I_low _ I j k). }
    pose proof (E_low _ _ E k g Hk). simpl in *. lia.
  - intros j x Hj Hx Hlt.
    assert (Hlo : lget (upd (rms s) i a j) (r_org x) = lget (rms s j) (r_org x)).
    { destruct (Nat.eq_dec j i) as [->|Hn]; [rewrite upd_eq; unfold lget; now rewrite XT|now rewrite upd_neq]. }
    rewrite Hlo in Hlt. destruct Hx as [Ex|Hx].
    + exfalso. subst x. rewrite Ho in Hlt. rewrite Er in Hlt. simpl in Hlt.
      pose proof (I_low _ I j i (fst (q_cid q)) Hj Hi). lia.
    + pose proof (I_lowr _ I j x Hj Hx Hlt). pose proof (E_rts _ _ E j Hj (r_org x)) as Y.
      assert (r_org x < nR) by now apply I. specialize (Y H0). simpl in Y. lia.
  - intros j c Hj Hin Hne.
    assert (Hold : In c (map r_cid (hist s j)) /\ ~ In c (exec (rms s j))).
    { destruct (Nat.eq_dec j i) as [->|Hn].
      - rewrite upd_eq in Hin. rewrite upd_eq in Hne. rewrite map_app, in_app_iff in Hin.
        destruct Hin as [Hin|Hin].
        + split; [exact Hin|]. intros Hc. apply Hne, XE. exact Hc.
        + exfalso. apply in_map_iff in Hin as (x & <- & Hx). now apply Hne, XI.
      - rewrite upd_neq in Hin by assumption. rewrite upd_neq in Hne by assumption. auto. }
    destruct Hold as [Hin' Hne']. destruct (I_dead _ I j c Hj Hin' Hne') as [D1 D2]. split.
    + intros k Hk. specialize (D1 k Hk). pose proof (E_low _ _ E k (fst c) Hk). simpl in *. lia.
    + intros x [Ex|Hx] Hc.
      * exfalso. subst x. rewrite Er in Hc. simpl in Hc. specialize (D1 i Hi). rewrite <- Hc in D1. lia.
      * specialize (D2 x Hx Hc). destruct (Nat.eq_dec j i) as [->|Hn].
        -- rewrite upd_eq. apply in_or_app; now left.
        -- now rewrite upd_neq.
  - intros c Hc. rewrite T by assumption. destruct (Nat.eqb_spec c i) as [->|Hn].
    + right. exists r. splits; auto.
    + destruct (I_cnt _ I c Hc) as [?|(x & H1 & H2 & H3)]; [now left|right; exists x; splits; auto].
Qed.

Lemma inv_recv (s : st) g a l :
  Inv s -> In (MGsp g) (net s) -> on_gossip (rms s (g_dst g)) g = (a, l) ->
  Inv (mkst (upd (rms s) (g_dst g) a) (upd (hist s) (g_dst g) (hist s (g_dst g) ++ l))
      (acc s) (net s) (fes s) (gdep s) (gsub s)).
Proof.
  intros I Hm Hon. unfold on_gossip in Hon.
  destruct (I_net _ I _ Hm) as (N1 & N2 & N3 & N4 & N5 & N6 & N7 & N8).
  destruct (drain_exec _ _ _ _ Hon) as (XL & XT & XE & XI).
  set (i := g_dst g) in *. pose proof (I_loc _ I i N2) as L.
  assert (Hacc : forall r, In r (acc s) -> WF r) by (intros; now apply I).
  assert (Bt : below s (g_ts g)) by (eapply below_vle; [apply (I_rts _ I _ N1)|exact N3]).
  assert (L1 : LI (acc s) i (merge_gossip (rms s i) g) (hist s i)).
  { constructor; try apply L.
    - eapply vle_trans; [apply L|apply vle_vmax_l].
    - intros r. simpl. rewrite app_assoc, in_app_iff, (L_corr _ _ _ _ L), filter_In.
      unfold is_new. rewrite Nat.ltb_lt. split.
      + intros [[H1 H2]|[H1 H2]].
        * split; auto. rewrite get_vmax by now apply Hacc. lia.
        * destruct (N4 r H1) as [H3 H4]. split; auto. rewrite get_vmax by now apply Hacc. lia.
      + intros [H1 H2]. rewrite get_vmax in H2 by now apply Hacc.
        destruct (le_lt_dec (r_seq r) (get (rts (rms s i)) (r_org r))) as [?|Hlt]; auto.
        right. split; auto. destruct (N6 r H1); auto; [lia|]. exfalso. fold i in H. lia.
    - simpl. rewrite app_assoc.
      apply nodup_app_intro; [apply L|now apply NoDup_filter|].
      intros x H1 H2. apply (L_corr _ _ _ _ L) in H1 as [_ H1]. apply filter_In in H2 as [_ H2].
      unfold is_new in H2. apply Nat.ltb_lt in H2. lia.
    - simpl. intros x Hx Hc. apply in_app_or in Hx as [Hx|Hx]; [now apply (L_exec2 _ _ _ _ L)|].
      apply filter_In in Hx as [Hx Hn]. destruct (N4 x Hx) as [Hxa _].
      destruct (memc (r_cid x) (exec (rms s i))) eqn:M; [now apply memc_spec|]. exfalso.
      destruct (I_dead _ I i (r_cid x) N2 Hc) as [_ D2].
      { intros He. apply memc_spec in He. congruence. }
      specialize (D2 x Hxa eq_refl). unfold is_new in Hn. apply Nat.ltb_lt in Hn.
      assert (Hh : In x (hist s i ++ pend (rms s i))) by (apply in_or_app; now left).
      apply (L_corr _ _ _ _ L) in Hh as [_ Hh]. lia. }
  assert (HL : forall k f, k < nR -> lowof (lget a k) f <=
            if k =? g_src g then Nat.max (lowof (g_low g) f) (lowof (lget (rms s i) k) f) else lowof (lget (rms s i) k) f).
  { intros k f Hk. unfold lget at 1. rewrite XT. simpl. unfold lset.
    rewrite nth_indep with (d' := (fun k => if k =? g_src g then mergelow (g_low g) (lget (rms s i) k) else lget (rms s i) k) 0)
      by (rewrite map_length, seq_length; assumption).
    rewrite (map_nth (fun k => if k =? g_src g then mergelow (g_low g) (lget (rms s i) k) else lget (rms s i) k)), seq_nth by assumption. simpl.
    destruct (k =? g_src g); [rewrite lowof_mergelow|]; lia. }
  destruct (settle_LI _ _ Hacc _ _ _ _ L1 Hon) as (LA & FA & RA & TA & VA & PA & _).
  apply inv_replica; auto.
  - rewrite RA. simpl. apply vle_vmax_l.
  - rewrite RA. simpl. apply below_vmax; auto. now apply I.
  - unfold top; simpl. rewrite upd_eq, RA. simpl. rewrite get_vmax by assumption.
    specialize (Bt i N2). unfold top in Bt. lia.
  - intros j Hj. simpl.
    assert (Y : vle (rts (rms s j)) (rts (upd (rms s) i a j))).
    { destruct (Nat.eq_dec j i) as [->|Hn]; [rewrite upd_eq, RA; simpl; apply vle_vmax_l|].
      rewrite upd_neq by assumption. apply vle_refl. }
    unfold tget. rewrite TA. simpl. unfold tset.
    change (nth j (map ?F (seq 0 nR)) []) with (nth j (map F (seq 0 nR)) []).
    rewrite nth_indep with (d' := (fun k => if k =? g_src g then vmax nR (tget (rms s i) (g_src g)) (g_ts g) else tget (rms s i) k) 0)
      by (rewrite map_length, seq_length; assumption).
    rewrite (map_nth (fun k => if k =? g_src g then vmax nR (tget (rms s i) (g_src g)) (g_ts g) else tget (rms s i) k)), seq_nth by assumption. simpl.
    destruct (Nat.eqb_spec j (g_src g)) as [Ej|Ej].
    + subst j. apply vmax_lub.
      * eapply vle_trans; [apply (I_tbl _ I i _ N2 N1)|exact Y].
      * eapply vle_trans; [exact N3|exact Y].
    + eapply vle_trans; [apply (I_tbl _ I i _ N2 Hj)|exact Y].
  - intros r Hr Hle. rewrite RA in Hle. simpl in Hle. rewrite get_vmax in Hle by now apply Hacc.
    destruct (le_lt_dec (r_seq r) (get (rts (rms s i)) (r_org r))) as [Hold|Hlt].
    + destruct (I_log _ I i r N2 Hr Hold) as [Hin|Hal].
      * left. apply PA. simpl. apply in_app_or in Hin as [?|?]; apply in_or_app; auto.
        left; apply in_or_app; now left.
      * right. intros j Hj. specialize (Hal j Hj). simpl.
        destruct (Nat.eq_dec j i) as [->|Hn]; [rewrite upd_eq, RA; simpl|now rewrite upd_neq].
        rewrite get_vmax by now apply Hacc. lia.
    + left. apply PA. simpl. apply in_or_app; left. apply in_or_app; right.
      apply filter_In. split.
      * destruct (N6 r Hr); auto; [lia|]. fold i in H; lia.
      * unfold is_new. now apply Nat.ltb_lt.
  - intros f. rewrite XL. simpl. rewrite lowof_mergelow. lia.
  - intros k f Hk. pose proof (HL k f Hk) as X.
    assert (Y : lowof (low (rms s k)) f <= lowof (low (upd (rms s) i a k)) f).
    { destruct (Nat.eq_dec k i) as [->|Hn]; [rewrite upd_eq, XL; simpl; rewrite lowof_mergelow; lia|now rewrite upd_neq]. }
    simpl. pose proof (I_low _ I i k f N2 Hk).
    destruct (Nat.eqb_spec k (g_src g)) as [Ek|Ek]; [subst k; specialize (N7 f)|]; lia.
  - intros r Hr Hlt. rewrite RA. simpl. assert (Hro : r_org r < nR) by now apply Hacc.
    rewrite get_vmax by assumption. pose proof (HL (r_org r) (fst (r_cid r)) Hro) as X.
    destruct (Nat.eqb_spec (r_org r) (g_src g)) as [Ek|Ek].
    + destruct (le_lt_dec (lowof (lget (rms s i) (r_org r)) (fst (r_cid r))) (snd (r_cid r))) as [Hle|Hgt].
      * assert (Hg : r_seq r <= get (g_ts g) (g_src g)) by (apply N8; auto; lia). rewrite <- Ek in Hg. lia.
      * pose proof (I_lowr _ I i r N2 Hr Hgt). lia.
    + pose proof (I_lowr _ I i r N2 Hr ltac:(lia)). lia.
  - intros c Hin Hne. rewrite map_app, in_app_iff in Hin. destruct Hin as [Hin|Hin].
    + destruct (I_dead _ I i c N2 Hin) as [D1 D2]; [intros Hc; apply Hne, XE; exact Hc|].
      split; auto. intros r Hr Hc. apply in_or_app; left; auto.
    + exfalso. apply in_map_iff in Hin as (x & <- & Hx). now apply Hne, XI.
Qed.

Lemma inv_same (s : st) i : Inv s -> i < nR ->
  Inv (mkst (upd (rms s) i (rms s i)) (upd (hist s) i (hist s i ++ [])) (acc s) (net s) (fes s) (gdep s) (gsub s)).
Proof.
  intros I Hi. rewrite app_nil_r. apply inv_replica; auto; try now apply I.
  - apply vle_refl.
  - unfold top; simpl. now rewrite upd_eq.
  - intros j Hj. simpl. eapply vle_trans; [now apply (I_tbl _ I i j)|].
    destruct (Nat.eq_dec j i) as [->|Hn]; [rewrite upd_eq|rewrite upd_neq by assumption]; apply vle_refl.
  - intros r Hr Hle. destruct (I_log _ I i r Hi Hr Hle) as [Hl|Hal]; [left; exact Hl|right]. intros j Hj. simpl.
    destruct (Nat.eq_dec j i) as [->|Hn]; [rewrite upd_eq|rewrite upd_neq by assumption]; auto.
  - intros j f Hj. simpl. replace (low (upd (rms s) i (rms s i) j)) with (low (rms s j)).
    + now apply (I_low _ I i j).
    + destruct (Nat.eq_dec j i) as [->|Hn]; [now rewrite upd_eq|now rewrite upd_neq].
  - intros r Hr Hlt. now apply (I_lowr _ I i r).
  - intros c Hin Hne. now apply (I_dead _ I i c).
Qed.

Lemma inv_upd_same_hist (s : st) i a :
  Inv s -> i < nR ->
  Inv (mkst (upd (rms s) i a) (upd (hist s) i (hist s i)) (acc s) (net s) (fes s) (gdep s) (gsub s)) ->
  Inv (mkst (upd (rms s) i a) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s)).
Proof.
  intros I Hi J.
  assert (Eh : forall j, upd (hist s) i (hist s i) j = hist s j).
  { intros j. destruct (Nat.eq_dec j i) as [->|Hn]; [now rewrite upd_eq|now rewrite upd_neq]. }
  constructor; try apply J.
  - simpl. intros j Hj. pose proof (I_loc _ J j Hj) as L. simpl in L. rewrite Eh in L. exact L.
  - simpl. intros j c Hj Hin Hne. pose proof (I_dead _ J j c Hj) as D. simpl in D.
    rewrite Eh in D. auto.
Qed.

Lemma inv_gc (s : st) i : Inv s -> i < nR ->
  Inv (mkst (upd (rms s) i (gc (rms s i))) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s)).
Proof.
  intros I Hi. apply inv_upd_same_hist; auto.
  pose proof (I_loc _ I i Hi) as L.
  assert (Y : forall j, j < nR -> rts (upd (rms s) i (gc (rms s i)) j) = rts (rms s j)).
  { intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn]; [now rewrite upd_eq|now rewrite upd_neq]. }
  assert (YL : forall j, j < nR -> low (upd (rms s) i (gc (rms s i)) j) = low (rms s j)).
  { intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn]; [now rewrite upd_eq|now rewrite upd_neq]. }
  apply inv_replica; auto.
  - constructor; simpl; try apply L.
    + intros r Hr. apply filter_In in Hr as [Hr _]. now apply (L_done _ _ _ _ L).
    + apply NoDup_filter, L.
  - apply (I_fix _ I i Hi).
  - apply vle_refl.
  - now apply (I_rts _ I i).
  - unfold top; simpl. now rewrite upd_eq.
  - intros j Hj. simpl. rewrite Y by assumption. now apply (I_tbl _ I i j).
  - intros r Hr Hle. simpl in Hle. simpl.
    destruct (I_log _ I i r Hi Hr Hle) as [Hin|Hal]; [|right; intros j Hj; rewrite Y by assumption; auto].
    apply in_app_or in Hin as [Hin|Hin]; [left; apply in_or_app; now left|].
    destruct (everywhere (rms s i) r) eqn:Ev.
    + right. intros j Hj. rewrite Y by assumption.
      unfold everywhere in Ev. rewrite forallb_forall in Ev.
      specialize (Ev j). rewrite in_seq in Ev. specialize (Ev ltac:(lia)).
      rewrite (me_i s i I Hi) in Ev. destruct (Nat.eqb_spec j i) as [Eji|Hn]; [rewrite Eji; exact Hle|].
      apply Nat.leb_le in Ev. pose proof (I_tbl _ I i j Hi Hj (r_org r)).
      assert (r_org r < nR) by now apply I. specialize (H H0). lia.
    + left. apply in_or_app; right. apply filter_In; split; auto. now rewrite Ev.
  - intros j f Hj. unfold lget; simpl. rewrite YL by assumption. apply (I_low _ I i j f Hi Hj).
  - intros r Hr Hlt. now apply (I_lowr _ I i r).
  - intros c Hin Hne. now apply (I_dead _ I i c).
Qed.

Lemma inv_crash (s : st) i : Inv s -> i < nR ->
  Inv (mkst (upd (rms s) i (crash (rms s i))) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s)).
Proof.
  intros I Hi. apply inv_upd_same_hist; auto.
  pose proof (I_loc _ I i Hi) as L.
  assert (Y : forall j, j < nR -> rts (upd (rms s) i (crash (rms s i)) j) = rts (rms s j)).
  { intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn]; [now rewrite upd_eq|now rewrite upd_neq]. }
  apply inv_replica; auto.
  - constructor; simpl; apply L.
  - apply (I_fix _ I i Hi).
  - apply vle_refl.
  - now apply (I_rts _ I i).
  - unfold top; simpl. now rewrite upd_eq.
  - intros j Hj. simpl. unfold tget; simpl. destruct j; apply vle_nil.
  - intros r Hr Hle. simpl in Hle. simpl.
    destruct (I_log _ I i r Hi Hr Hle) as [Hin|Hal]; auto. right; intros j Hj; rewrite Y by assumption; auto.
  - intros j f Hj. unfold lget; simpl. destruct j; simpl; lia.
  - intros r Hr Hlt. exfalso. unfold lget in Hlt; simpl in Hlt. destruct (r_org r); simpl in Hlt; lia.
  - intros c Hin Hne. now apply (I_dead _ I i c).
Qed.

Lemma inv_raise (s : st) i f n : Inv s -> i < nR ->
  Inv (mkst (upd (rms s) i (raise (rms s i) f n)) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s)).
Proof.
  intros I Hi. apply inv_upd_same_hist; auto.
  pose proof (I_loc _ I i Hi) as L.
  assert (Y : forall j, j < nR -> rts (upd (rms s) i (raise (rms s i) f n) j) = rts (rms s j)).
  { intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn]; [now rewrite upd_eq|now rewrite upd_neq]. }
  assert (Z : forall g, lowof (low (rms s i)) g <= lowof (low (raise (rms s i) f n)) g).
  { intros g. simpl low. rewrite lowof_addlow. destruct (Nat.eqb_spec g f) as [->|]; lia. }
  apply inv_replica; auto.
  - constructor; simpl; apply L.
  - apply (I_fix _ I i Hi).
  - apply vle_refl.
  - now apply (I_rts _ I i).
  - unfold top; simpl. now rewrite upd_eq.
  - intros j Hj. simpl. rewrite Y by assumption. now apply (I_tbl _ I i j).
  - intros r Hr Hle. simpl in Hle. simpl.
    destruct (I_log _ I i r Hi Hr Hle) as [Hin|Hal]; auto. right; intros j Hj; rewrite Y by assumption; auto.
  - intros j g Hj. pose proof (I_low _ I i j g Hi Hj) as X. specialize (Z g).
    change (lget (raise (rms s i) f n) j) with (lget (rms s i) j). cbn [rms].
    destruct (Nat.eq_dec j i) as [->|Hn]; [rewrite upd_eq; lia|rewrite upd_neq by assumption; exact X].
  - intros r Hr Hlt. now apply (I_lowr _ I i r).
  - intros c Hin Hne. now apply (I_dead _ I i c).
Qed.

Lemma inv_egc (s : st) i : Inv s -> i < nR ->
  Inv (mkst (upd (rms s) i (egc (rms s i))) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s)).
Proof.
  intros I Hi. apply inv_upd_same_hist; auto.
  pose proof (I_loc _ I i Hi) as L.
  assert (Y : forall j, j < nR -> rts (upd (rms s) i (egc (rms s i)) j) = rts (rms s j)).
  { intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn]; [now rewrite upd_eq|now rewrite upd_neq]. }
  assert (YL : forall j, j < nR -> low (upd (rms s) i (egc (rms s i)) j) = low (rms s j)).
  { intros j Hj. destruct (Nat.eq_dec j i) as [->|Hn]; [now rewrite upd_eq|now rewrite upd_neq]. }
  assert (FP : forall r, In r (pend (rms s i)) -> finished (rms s i) (r_cid r) = false).
  { intros r Hr. unfold finished. apply andb_false_iff; right. apply negb_false_iff.
    apply existsb_exists. exists r; split; auto. now apply ceqb_spec. }
  apply inv_replica; auto.
  - constructor; simpl; try apply L.
    + intros c Hc. apply filter_In in Hc as [Hc _]. now apply (L_exec _ _ _ _ L).
    + intros r Hr Hc. apply filter_In. split; [now apply (L_exec2 _ _ _ _ L)|now rewrite FP].
  - apply (I_fix _ I i Hi).
  - apply vle_refl.
  - now apply (I_rts _ I i).
  - unfold top; simpl. now rewrite upd_eq.
  - intros j Hj. simpl. rewrite Y by assumption. now apply (I_tbl _ I i j).
  - intros r Hr Hle. simpl in Hle. simpl.
    destruct (I_log _ I i r Hi Hr Hle) as [Hin|Hal]; auto. right; intros j Hj; rewrite Y by assumption; auto.
  - intros j f Hj. unfold lget; simpl. rewrite YL by assumption. apply (I_low _ I i j f Hi Hj).
  - intros r Hr Hlt. now apply (I_lowr _ I i r).
  - intros c Hin Hne. destruct (memc c (exec (rms s i))) eqn:M.
    2:{ apply (I_dead _ I i c); auto. intros Hc. apply memc_spec in Hc. congruence. }
    apply memc_spec in M. simpl in Hne.
    destruct (finished (rms s i) c) eqn:F.
    2:{ exfalso. apply Hne, filter_In. split; auto. now rewrite F. }
    unfold finished in F. apply andb_true_iff in F as [F1 F2]. rewrite forallb_forall in F1.
    assert (FL : forall k, k < nR -> snd c < lowof (if k =? i then low (rms s i) else lget (rms s i) k) (fst c)).
    { intros k Hk. specialize (F1 k). rewrite in_seq in F1. specialize (F1 ltac:(lia)).
      rewrite (me_i s i I Hi) in F1. now apply Nat.ltb_lt. }
    split.
    + intros k Hk. specialize (FL k Hk). destruct (Nat.eqb_spec k i) as [Ek|Hn]; [rewrite Ek; exact FL|].
      pose proof (I_low _ I i k (fst c) Hi Hk). lia.
    + intros r Hr Hc. assert (Hro : r_org r < nR) by now apply I.
      assert (Hle : r_seq r <= get (rts (rms s i)) (r_org r)).
      { specialize (FL (r_org r) Hro). destruct (Nat.eqb_spec (r_org r) i) as [Ei|Hn].
        - destruct (I_wf _ I r Hr) as [_ Hw]. rewrite Ei in *. exact Hw.
        - apply (I_lowr _ I i r Hi Hr). now rewrite Hc. }
      assert (Hin2 : In r (hist s i ++ pend (rms s i))) by (apply (L_corr _ _ _ _ L); auto).
      apply in_app_or in Hin2 as [?|Hp]; auto. exfalso.
      apply negb_true_iff in F2. rewrite <- Hc in F2.
      assert (existsb (fun r0 => ceqb (r_cid r) (r_cid r0)) (pend (rms s i)) = true); [|congruence].
      apply existsb_exists. exists r; split; auto. now apply ceqb_spec.
Qed.

Theorem inv_step (s s' : st) : Inv s -> step s s' -> Inv s'.
Proof.
  intros I S. destruct S.
  - (* submit *)
    apply inv_soft; auto; simpl.
    + intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; lia.
    + intros c Hc. apply updc_neq. intros ->. simpl in Hc. lia.
    + intros c Hc. apply updc_neq. intros ->. simpl in Hc. lia.
    + intros m [<-|Hm]; auto. right. simpl. destruct (I_fe _ I f) as (A & B & C). splits; auto.
      * rewrite upd_eq. simpl. lia.
      * rewrite updc_eq. auto.
      * now rewrite updc_eq.
    + intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; apply (I_fe _ I).
  - (* request *)
    unfold on_request in H1. destruct (known (rms s i) (q_cid q)) eqn:K.
    + inversion H1; subst.
      pose proof (inv_same s i I H) as J.
      destruct (lookup (rms s i) (q_cid q)) as [r|] eqn:E; [|exact J].
      unfold lookup in E. apply find_some in E as [E _].
      assert (Ha : In r (acc s)).
      { apply (L_corr _ _ _ _ (I_loc _ I i H)). apply in_or_app.
        apply in_app_or in E as [E|E]; auto. left. now apply (L_done _ _ _ _ (I_loc _ I i H)). }
      refine (inv_soft _ (MRep f r :: net s) (fes s) (gdep s) (gsub s) J _ _ _ _ _); simpl; auto.
      * intros m [<-|Hm]; auto.
      * apply (I_fe _ J).
    + destruct (settle (add_new (rms s i) q)) as [a' l'] eqn:E. inversion H1; subst.
      now apply inv_accept with (f := f).
  - (* ack *)
    pose proof (I_net _ I _ H) as Hr. simpl in Hr.
    apply inv_soft; auto; simpl.
    + intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; lia.
    + intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; [|apply (I_fe _ I)].
      destruct (I_fe _ I f) as (A & B & C). splits.
      * apply below_vmax; auto. intros c Hc.
        destruct (I_wf _ I r Hr) as [(W1 & W2 & W3) W4].
        destruct (Nat.eq_dec c (r_org r)) as [->|Hn]; [exact W4|].
        rewrite W2 by assumption. now apply (I_prev _ I r Hr).
      * apply Gen_vmax; auto. now apply Gen_ts.
      * intros x [<-|Hx]; [split; auto; apply vle_vmax_r|].
        destruct (C x Hx). split; auto. eapply vle_trans; eauto. apply vle_vmax_l.
  - (* send *)
    apply inv_soft; auto; simpl.
    + intros m [<-|Hm]; auto. right. simpl. pose proof (I_loc _ I i H) as L.
      splits; auto; try (now rewrite (me_i s i I H)).
      * intros r Hr. apply filter_In in Hr as [Hr _].
        apply (L_corr _ _ _ _ L). apply in_or_app.
        apply in_app_or in Hr as [?|Hr]; auto. left. now apply (L_done _ _ _ _ L).
      * apply NoDup_filter. apply nodup_app_intro; [|apply L|].
        -- eapply nodup_app_r. apply L.
        -- intros x Hx Hd. eapply nodup_app_disj; [apply L|apply (L_done _ _ _ _ L), Hd|exact Hx].
      * intros r Hr Hle. destruct (I_log _ I i r H Hr Hle) as [Hin|Hal]; [|right; auto].
        destruct (le_lt_dec (r_seq r) (get (tget (rms s i) j) (r_org r))) as [Hl|Hl].
        -- right. pose proof (I_tbl _ I i j H H0 (r_org r)). assert (r_org r < nR) by now apply I.
           specialize (H1 H2). lia.
        -- left. apply filter_In. split; auto. now apply Nat.ltb_lt.
      * intros r Hr Ho _. rewrite (me_i s i I H) in *. destruct (I_wf _ I r Hr) as [_ Hw].
        rewrite Ho in Hw. exact Hw.
    + apply (I_fe _ I).
  - (* recv *) now apply inv_recv.
  - (* gc *) now apply inv_gc.
  - (* egc *) now apply inv_egc.
  - (* low *) now apply inv_raise.
  - (* crash *) now apply inv_crash.
  - (* query *)
    apply inv_soft; auto; simpl.
    + intros m [<-|Hm]; auto. right. simpl. apply (I_fe _ I f).
    + apply (I_fe _ I).
  - (* answer *)
    apply inv_soft; auto; simpl; [|apply (I_fe _ I)].
    intros m [<-|Hm]; auto. right. simpl. pose proof (I_loc _ I i H) as L.
    pose proof (I_net _ I _ H0) as Hq. simpl in Hq.
    unfold on_query in H1. destruct (vleb nR prev (vts (rms s i))) eqn:E; [|discriminate].
    apply vleb_spec in E. inversion H1; subst.
    assert (Hacc : forall r, In r (acc s) -> WF r) by (intros; now apply I).
    splits.
    + eapply below_vle; [apply (I_rts _ I i H)|apply L].
    + eapply Gen_incl; [|apply L]. intros x Hx. apply (L_corr _ _ _ _ L). apply in_or_app; now left.
    + intros x. now apply (hist_is_downset _ _ Hacc _ _ L (I_fix _ I i H)).
    + intros x Hx. destruct (Hq x Hx) as [Hx1 Hx2].
      apply (hist_is_downset _ _ Hacc _ _ L (I_fix _ I i H)). split; auto. eapply vle_trans; eauto.
    + apply L.
    + apply L.
  - (* result *)
    destruct (I_net _ I _ H) as (N1 & N2 & N3 & _).
    apply inv_soft; auto; simpl.
    + intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; lia.
    + intros g. unfold upd. destruct (Nat.eqb_spec g f) as [->|]; simpl; [|apply (I_fe _ I)].
      destruct (I_fe _ I f) as (A & B & C). splits.
      * now apply below_vmax.
      * now apply Gen_vmax.
      * intros x Hx. apply in_app_or in Hx as [Hx|Hx].
        -- apply N3 in Hx. destruct Hx. split; auto. eapply vle_trans; eauto. apply vle_vmax_r.
        -- destruct (C x Hx). split; auto. eapply vle_trans; eauto. apply vle_vmax_l.
Qed.

Theorem reach_inv (s : st) : reach s -> Inv s.
Proof. induction 1; [apply inv_init|eapply inv_step; eauto]. Qed.
End Invariant.
