(** What a message of gossip brings, whole or in fragments. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local System Invariant Preserve Replaced Reachable Converge Theorems.

Section Fragments.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation veq := (veq nR).
Notation urec := (@urec Op).
Notation st := (@st Op Val).

Lemma take_ge claimed (l : list urec) v : (forall r, In r l -> WF r) -> vle v (fst (take claimed v l)).
Proof. intros W. destruct (take claimed v l) as [v' l'] eqn:E. now apply take_grows in E. Qed.

(** Of each origin, the records of a log ascend. *)
Fixpoint ascending (l : list urec) : Prop :=
  match l with
  | [] => True
  | r :: t => (forall x, In x t -> r_org x = r_org r -> r_seq r < r_seq x) /\ ascending t
  end.

Lemma ascending_app (l1 l2 : list urec) : ascending l1 -> ascending l2 ->
  (forall x y, In x l1 -> In y l2 -> r_org y = r_org x -> r_seq x < r_seq y) -> ascending (l1 ++ l2).
Proof.
  induction l1 as [|r l1 IH]; simpl; intros A1 A2 H; auto. destruct A1 as [B A1]. split; [|auto].
  intros x Hx. apply in_app_or in Hx as [Hx|Hx]; auto.
Qed.

Lemma ascending_after (l1 : list urec) r l2 x : ascending (l1 ++ r :: l2) -> In x l2 -> r_org x = r_org r ->
  r_seq r < r_seq x.
Proof. induction l1 as [|y l1 IH]; simpl; intros [A B]; auto. Qed.

Lemma beyond_ascends (s : @rm Op Val) v : ascending (beyond s v).
Proof.
  unfold beyond. set (f := fun o k => match find (fun r => (r_org r =? o) && (r_seq r =? k)) (pend s ++ done
    s) with
                      Some r => [r] | None => [] end).
  assert (Hf : forall o k r, In r (f o k) -> r_org r = o /\ r_seq r = k).
  { intros o k r. unfold f. destruct (find _ _) as [x|] eqn:E; [|easy]. intros [<-|[]]. apply find_some in E
    as [_ E].
    apply andb_true_iff in E as [E1 E2]. now apply Nat.eqb_eq in E1, E2. }
  assert (A1 : forall o k, ascending (f o k)).
  { intros o k. unfold f. destruct (find _ _); simpl; auto. split; auto. intros x []. }
  assert (A2 : forall o n a, ascending (flat_map (f o) (seq a n))).
  { intros o n. induction n as [|n IH]; simpl; intros a; auto. apply ascending_app; auto.
    intros x y Hx Hy _. apply Hf in Hx as [_ Hx]. apply in_flat_map in Hy as (k & Hk & Hy). apply in_seq in Hk.
    apply Hf in Hy as [_ Hy]. lia. }
  assert (A3 : forall n a, ascending (flat_map (fun o => flat_map (f o) (seq (S (get v o)) (get (rts s) o -
    get v o))) (seq a n))).
  { intros n. induction n as [|n IH]; simpl; intros a; auto. apply ascending_app; auto.
    intros x y Hx Hy E. apply in_flat_map in Hx as (k & _ & Hx). apply Hf in Hx as [Hx _].
    apply in_flat_map in Hy as (o & Ho & Hy). apply in_seq in Ho. apply in_flat_map in Hy as (k' & _ & Hy).
    apply Hf in Hy as [Hy _]. lia. }
  apply A3.
Qed.

(** In a log that leaves no gap to [v], no record does. *)
Definition gapless (v : vec) (l : list urec) : Prop := forall l1 r l2, l = l1 ++ r :: l2 ->
  r_seq r <= S (get v (r_org r)) \/ exists x, In x l1 /\ r_org x = r_org r /\ r_seq r <= S (r_seq x).
Definition within_ts (l : list urec) (v : vec) : Prop := forall r, In r l -> r_seq r <= get v (r_org r).

Lemma take_gapless claimed v0 (l3 : list urec) : forall l2 l1 v, (forall r, In r (l1 ++ l2) -> WF r) ->
  gapless v0 (l1 ++ l2 ++ l3) -> vle v0 v -> within_ts l1 v -> within_ts l2 claimed ->
  within_ts (l1 ++ l2) (fst (take claimed v l2)).
Proof.
  induction l2 as [|r l2 IH]; intros l1 v W G Hv H1 Hc; [now rewrite app_nil_r|].
  assert (Wr : WF r) by (apply W, in_or_app; right; now left).
  assert (Hle : r_seq r <= S (get v (r_org r))).
  { destruct (G l1 r (l2 ++ l3) eq_refl) as [X|(x & Hx & Ho & X)].
    - specialize (Hv _ (proj1 Wr)). lia.
    - specialize (H1 x Hx). rewrite Ho in H1. lia. }
  assert (Hcr : r_seq r <= get claimed (r_org r)) by (apply Hc; now left).
  rewrite (app_assoc l1 [r] l2 : l1 ++ r :: l2 = (l1 ++ [r]) ++ l2) in *.
  assert (Go : forall u, vle v u -> r_seq r <= get u (r_org r) -> within_ts ((l1 ++ [r]) ++ l2) (fst (take
    claimed u l2))).
  { intros u Hu Hr. apply IH; auto.
    - rewrite <- app_assoc. exact G.
    - eapply vle_trans; eauto.
    - intros x Hx. apply in_app_or in Hx as [Hx|[<-|[]]]; auto. specialize (H1 x Hx).
      assert (Wx : WF x) by (apply W; rewrite <- app_assoc; apply in_or_app; now left). specialize (Hu _
        (proj1 Wx)). lia.
    - intros x Hx. apply Hc. now right. }
  simpl. destruct (Nat.eqb_spec (r_seq r) (S (get v (r_org r)))) as [E|E]; simpl.
  - apply Nat.leb_le in Hcr. rewrite Hcr. specialize (Go (vset nR v (r_org r) (r_seq r))).
    destruct (take claimed (vset nR v (r_org r) (r_seq r)) l2). apply Go.
    + intros c Hcn. rewrite get_vset by assumption. destruct (Nat.eqb_spec c (r_org r)) as [->|]; lia.
    + rewrite get_vset_eq by apply Wr. lia.
  - apply Go; [apply vle_refl|lia].
Qed.

(** ** Fragments, as [Gossip::fragments] of src/protocol/message.rs cuts them, of any sizes *)

(** What a log reaches. *)
Definition reached (l : list urec) : vec :=
  tab nR (fun o => fold_right (fun r m => if r_org r =? o then Nat.max (r_seq r) m else m) 0 l).
(** All but the last claim no more than they carry, and tell no table. *)
Fixpoint fragments (sizes : list nat) (g : @gsp Op) : list (@gsp Op) :=
  match sizes with
  | [] => [g]
  | n :: t =>
      let now := firstn n (g_log g) in
      mkgsp (g_src g) (g_dst g) now (reached now) false (g_asks g) [] ::
      fragments t (mkgsp (g_src g) (g_dst g) (skipn n (g_log g)) (g_ts g) (g_comp g) (g_asks g) (g_tbl g))
  end.

Lemma reached_all (l : list urec) : (forall r, In r l -> WF r) -> within_ts l (reached l).
Proof.
  intros W r Hr. unfold reached. rewrite get_tab by now apply W. clear W. induction l as [|x l IH]; [easy|].
    simpl.
  destruct Hr as [->|Hr]; [rewrite Nat.eqb_refl; lia|]. specialize (IH Hr). destruct (r_org x =? r_org r); lia.
Qed.

(** They are what [cut] allows. *)
Lemma fragments_are_cuts sizes : forall g f, In f (fragments sizes g) -> cut g f.
Proof.
  induction sizes as [|n sizes IH]; simpl; intros g f H.
  - destruct H as [<-|[]]. unfold cut. splits; auto using incl_refl.
  - assert (Hi : incl (firstn n (g_log g)) (g_log g) /\ incl (skipn n (g_log g)) (g_log g)).
    { rewrite <- (firstn_skipn n (g_log g)) at 2 4. split; intros x Hx; apply in_or_app; auto. }
    destruct H as [<-|H]; [unfold cut; simpl; splits; auto; [apply Hi|discriminate]|].
    apply IH in H as (A & B & D & E). simpl in *. unfold cut. splits; auto. eapply incl_tran; [exact D|apply
      Hi].
Qed.

(** They are heard in order, from when [v] is held; between them, and before and after, anything else. *)
Inductive heard : vec -> list (@gsp Op) -> vec -> Prop :=
| heard_last v v1 f v2 : vle v v1 -> vle (fst (take (g_ts f) v1 (g_log f))) v2 -> heard v [f] v2
| heard_next v v1 f fs v2 : vle v v1 -> heard (fst (take (g_ts f) v1 (g_log f))) fs v2 -> heard v (f :: fs) v2.

Lemma fragments_heard sizes v0 : forall g l1 v v', (forall r, In r (l1 ++ g_log g) -> WF r) ->
  gapless v0 (l1 ++ g_log g) -> vle v0 v -> within_ts l1 v -> within_ts (g_log g) (g_ts g) ->
  heard v (fragments sizes g) v' -> within_ts (l1 ++ g_log g) v' /\ vle v v'.
Proof.
  assert (Grow : forall l v v1, (forall r, In r l -> WF r) -> within_ts l v -> vle v v1 -> within_ts l v1).
  { intros l v v1 W H Hv r Hr. specialize (H r Hr). specialize (Hv _ (proj1 (W r Hr))). lia. }
  induction sizes as [|n sizes IH]; intros g l1 v v' W G Hv H1 Hc Hh.
  - assert (X : exists v1, vle v v1 /\ vle (fst (take (g_ts g) v1 (g_log g))) v').
    { inversion Hh as [? v1 f ? A B|? v1 f fs ? A B]; subst; [eauto|inversion B]. }
    destruct X as (v1 & Hv1 & Hv'). split.
    + apply Grow with (v := fst (take (g_ts g) v1 (g_log g))); auto. apply take_gapless with (v0 := v0) (l3
        := []); auto; [now rewrite app_nil_r|eapply vle_trans; eauto|].
      apply Grow with (v := v); auto. intros r Hr. apply W, in_or_app. now left.
    + eapply vle_trans; [exact Hv1|]. eapply vle_trans; [|exact Hv']. apply take_ge. intros r Hr. apply W,
        in_or_app.
      now right.
  - simpl in Hh. set (now := firstn n (g_log g)) in *. set (late := skipn n (g_log g)) in *.
    assert (E : g_log g = now ++ late) by (symmetry; apply firstn_skipn).
    assert (Y : exists v1, vle v v1 /\ heard (fst (take (reached now) v1 now)) (fragments sizes
       (mkgsp (g_src g) (g_dst g) late (g_ts g) (g_comp g) (g_asks g) (g_tbl g))) v').
    { inversion Hh as [? v1 f ? A B|? v1 f fs ? A B]; subst; [|eauto]. destruct sizes; discriminate. }
    destruct Y as (v1 & Hv1 & Hh'). rewrite E in *.
    assert (Wn : forall r, In r now -> WF r) by (intros r Hr; apply W, in_or_app; right; apply in_or_app; now
      left).
    assert (T : within_ts (l1 ++ now) (fst (take (reached now) v1 now))).
    { apply take_gapless with (v0 := v0) (l3 := late); auto.
      - intros r Hr. apply W. apply in_app_or in Hr as [Hr|Hr]; apply in_or_app; auto. right. apply
          in_or_app; now left.
      - eapply vle_trans; eauto.
      - apply Grow with (v := v); auto. intros r Hr. apply W, in_or_app. now left.
      - now apply reached_all. }
    pose proof (take_ge (reached now) now v1 Wn) as Tg.
    destruct (IH (mkgsp (g_src g) (g_dst g) late (g_ts g) (g_comp g) (g_asks g) (g_tbl g)) (l1 ++ now)
                (fst (take (reached now) v1 now)) v') as [Q1 Q2]; auto; simpl.
    + intros r Hr. apply W. now rewrite app_assoc.
    + now rewrite <- app_assoc.
    + eapply vle_trans; [|exact Tg]. eapply vle_trans; eauto.
    + intros r Hr. apply Hc, in_or_app. now right.
    + split; [now rewrite app_assoc|]. eapply vle_trans; [exact Hv1|]. eapply vle_trans; eauto.
Qed.

(** Gossip made for [j] from what is known of it fills every gap there, now and at any later time, also in
    fragments. *)
Theorem fragments_deliver (s : st) i j asks relays sizes v v' : reach s -> i < nM -> j < nM -> member s j ->
  minds i j -> vle (rts (rms s j)) v ->
  heard v (fragments sizes (make_gossip (rms s i) j (tget (rms s i) j) asks relays)) v' -> vle (rts (rms s
    i)) v'.
Proof.
  intros HR Hi Hj Hmj Hm Hv Hh. pose proof (reach_inv s HR) as I. set (g := make_gossip _ _ _ _ _) in *.
  assert (B : forall r, In r (g_log g) <-> In r (pend (rms s i) ++ done (rms s i)) /\
                get (tget (rms s i) j) (r_org r) < r_seq r).
  { intros r. apply (beyond_spec s HR i _ r Hi). }
  assert (Lr : forall r, In r (g_log g) -> In r (acc s) /\ r_seq r <= get (rts (rms s i)) (r_org r)).
  { intros r Hr. apply B in Hr as [Hr _]. apply (log_exact s HR i r Hi) in Hr as [Hr _].
    now apply (replica_ts_correct s HR) in Hr. }
  assert (W : forall r, In r (g_log g) -> WF r) by (intros r Hr; apply I; now apply Lr).
  (* What [j] lacks is in the message. *)
  assert (Has : forall o n, o < nR -> get (rts (rms s j)) o < n -> n <= get (rts (rms s i)) o ->
            exists r, In r (g_log g) /\ r_org r = o /\ r_seq r = n).
  { intros o n Ho Hn Hle. destruct (I_cnt _ I o n Ho ltac:(lia)) as (r & Hr & Hro & Hrs).
    { pose proof (I_rts _ I i Hi o Ho). lia. }
    exists r. splits; auto. apply B. rewrite Hro, Hrs. split.
    - apply (log_exact s HR i r Hi). rewrite Hro, Hrs. split.
      + apply (replica_ts_correct s HR); auto. split; auto. now rewrite Hro, Hrs.
      + pose proof (I_gone _ I i j Hi Hj Hmj Hm o Ho). lia.
    - pose proof (I_tbl _ I i j Hi Hj Hmj o Ho). lia. }
  assert (G : gapless (rts (rms s j)) (g_log g)).
  { intros l1 r l2 E. assert (Hr : In r (g_log g)) by (rewrite E; apply in_or_app; right; now left).
    destruct (Lr r Hr) as (_ & Hle). pose proof (proj1 (W r Hr)) as Ho.
    destruct (le_lt_dec (r_seq r) (S (get (rts (rms s j)) (r_org r)))) as [L|L]; [now left|right].
    destruct (Has (r_org r) (pred (r_seq r)) Ho ltac:(lia) ltac:(lia)) as (x & Hx & Hxo & Hxs).
    exists x. splits; auto; [|lia]. rewrite E in Hx. apply in_app_or in Hx as [Hx|[<-|Hx]]; auto; [lia|].
    pose proof (beyond_ascends (rms s i) (tget (rms s i) j)) as As. change (ascending (g_log g)) in As.
      rewrite E in As.
    pose proof (ascending_after l1 r l2 x As Hx Hxo). lia. }
  destruct (fragments_heard sizes (rts (rms s j)) g [] v v') as [T Tg]; auto.
  { intros r []. }
  { intros r Hr. now apply Lr. }
  intros o Ho. destruct (le_lt_dec (get (rts (rms s i)) o) (get (rts (rms s j)) o)) as [L|L].
  - specialize (Hv o Ho). specialize (Tg o Ho). lia.
  - destruct (Has o _ Ho L (le_n _)) as (r & Hr & Hro & Hrs). specialize (T r Hr). rewrite Hro, Hrs in T.
      exact T.
Qed.

Corollary delivers (s : st) i j asks relays v : reach s -> i < nM -> j < nM -> member s j -> minds i j ->
  vle (rts (rms s j)) v ->
  let g := make_gossip (rms s i) j (tget (rms s i) j) asks relays in
  vle (rts (rms s i)) (fst (take (g_ts g) v (g_log g))).
Proof.
  intros HR Hi Hj Hmj Hm Hv g. apply (fragments_deliver s i j asks relays [] v); auto.
  apply heard_last with (v1 := v); apply vle_refl.
Qed.
End Fragments.
