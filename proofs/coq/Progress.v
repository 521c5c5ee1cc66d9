(** Gossip brings every replica up to date: from any reachable state there is a run of gossip
    exchanges alone after which all replicas have the same value timestamp and nothing pending. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local System Invariant Theorems.

Section Progress.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation veq := (veq nR).
Notation st := (@st Op Val).

Inductive steps : st -> st -> Prop :=
| St_refl s : steps s s
| St_step s1 s2 s3 : step s1 s2 -> steps s2 s3 -> steps s1 s3.

Lemma steps_trans s1 s2 s3 : steps s1 s2 -> steps s2 s3 -> steps s1 s3.
Proof. induction 1; intros; auto. econstructor; eauto. Qed.
Lemma steps_reach s s' : reach s -> steps s s' -> reach s'.
Proof. intros R H. induction H; auto. apply IHsteps. eapply R_step; eauto. Qed.

Lemma drain_rts n : forall s s' l, drain n s = (s', l) -> rts s' = rts s (Val := Val) (Op := Op).
Proof.
  induction n as [|n IH]; simpl; intros s s' l H; [now inversion H|].
  destruct (pick _ _) as [[r p']|]; [|now inversion H].
  destruct (drain n _) as [s2 l2] eqn:E. inversion H; subst. now rewrite (IH _ _ _ E).
Qed.

(** One exchange from [i] to [j]. *)
Lemma exchange (s : st) i j : i < nR -> j < nR -> exists s', steps s s' /\
  acc s' = acc s /\ rts (rms s' j) = vmax nR (rts (rms s j)) (rts (rms s i)) /\
  (forall k, k <> j -> rts (rms s' k) = rts (rms s k)).
Proof.
  intros Hi Hj.
  set (g := make_gossip (rms s i) j).
  set (s1 := mkst (rms s) (hist s) (acc s) (MGsp g :: net s) (fes s) (gdep s) (gsub s)).
  destruct (on_gossip (rms s j) g) as [a l] eqn:E.
  exists (mkst (upd (rms s1) (g_dst g) a) (upd (hist s1) (g_dst g) (hist s1 (g_dst g) ++ l))
      (acc s1) (net s1) (fes s1) (gdep s1) (gsub s1)).
  splits; simpl; auto.
  - econstructor; [apply (S_send s i j Hi Hj)|]. econstructor; [|apply St_refl].
    refine (S_recv s1 g a l _ _); [now left|exact E].
  - rewrite upd_eq. unfold on_gossip, settle in E. rewrite (drain_rts _ _ _ _ E). reflexivity.
  - intros k Hk. now rewrite upd_neq.
Qed.

(** A star: everyone sends to replica [j]. *)
Lemma gather (s : st) j n : j < nR -> n <= nR -> exists s', steps s s' /\ acc s' = acc s /\
  (forall k, k < nR -> k <> j -> rts (rms s' k) = rts (rms s k)) /\
  vle (rts (rms s j)) (rts (rms s' j)) /\
  (forall k, k < n -> vle (rts (rms s k)) (rts (rms s' j))).
Proof.
  intros Hj. induction n as [|n IH]; intros Hn.
  - exists s; splits; auto; try apply St_refl; try apply vle_refl. intros; lia.
  - destruct IH as (s1 & A & B & C & D & F); [lia|].
    destruct (exchange s1 n j) as (s2 & A2 & B2 & C2 & D2); [lia|auto|].
    exists s2; splits.
    + eapply steps_trans; eauto.
    + congruence.
    + intros k Hk Hkj. rewrite D2 by auto. auto.
    + rewrite C2. eapply vle_trans; [exact D|apply vle_vmax_l].
    + intros k Hk. rewrite C2. destruct (Nat.eq_dec k n) as [->|Hkn].
      * destruct (Nat.eq_dec n j) as [->|Hnj].
        -- eapply vle_trans; [exact D|apply vle_vmax_l].
        -- rewrite <- (C n) by (auto; lia). apply vle_vmax_r.
      * eapply vle_trans; [apply F; lia|apply vle_vmax_l].
Qed.

Lemma gather_all (s : st) m : reach s -> m <= nR -> exists s', steps s s' /\ acc s' = acc s /\
  (forall k, k < nR -> vle (rts (rms s k)) (rts (rms s' k))) /\
  (forall j k, j < m -> k < nR -> vle (rts (rms s k)) (rts (rms s' j))).
Proof.
  intros HR. induction m as [|m IH]; intros Hm.
  - exists s; splits; auto; try apply St_refl. intros; apply vle_refl. intros; lia.
  - destruct IH as (s1 & A & B & C & D); [lia|].
    destruct (gather s1 m nR) as (s2 & A2 & B2 & C2 & D2 & F2); [lia|lia|].
    exists s2; splits.
    + eapply steps_trans; eauto.
    + congruence.
    + intros k Hk. destruct (Nat.eq_dec k m) as [->|Hn].
      * eapply vle_trans; [apply C; auto|exact D2].
      * rewrite C2 by auto. auto.
    + intros j k Hj Hk. destruct (Nat.eq_dec j m) as [->|Hn].
      * eapply vle_trans; [apply (C k Hk)|auto].
      * rewrite C2 by lia. apply D; lia.
Qed.

Theorem can_converge (s : st) : reach s -> exists s', steps s s' /\ reach s' /\ acc s' = acc s /\
  (forall i, i < nR -> pend (rms s' i) = [] /\ forall r, In r (acc s) -> In r (hist s' i)) /\
  (forall i j, i < nR -> j < nR -> veq (vts (rms s' i)) (vts (rms s' j))).
Proof.
  intros HR. destruct (gather_all s nR HR (le_n _)) as (s' & A & B & C & D).
  pose proof (steps_reach _ _ HR A) as HR'. pose proof (reach_inv s' HR') as I'.
  assert (Full : forall i, i < nR -> forall c, c < nR -> top s' c <= get (rts (rms s' i)) c).
  { intros i Hi c Hc. pose proof (reach_inv s HR) as I.
    (* top s' c = top s c because acc did not grow: the newest record of c bounds it *)
    assert (Ht : top s' c <= top s c).
    { destruct (Nat.eq_dec (top s' c) 0) as [->|Hz]; [lia|].
      (* entry c of the replica timestamp of c counts acceptances at c *)
      destruct (I_cnt _ I' c Hc) as [H0|(r & Hr & Ho & Hs)]; [lia|].
      rewrite B in Hr. destruct (I_wf _ I r Hr) as [_ Hw]. rewrite Ho in Hw. lia. }
    specialize (D i c Hi Hc c Hc). unfold top in Ht. unfold top. lia. }
  exists s'; splits; auto.
  - intros i Hi. rewrite <- B. apply nothing_stuck; auto.
  - intros i j Hi Hj. apply quiescent_convergence; auto.
Qed.
End Progress.
