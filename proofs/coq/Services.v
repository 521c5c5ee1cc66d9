(** Services that keep the law, as src/services has them: the map of registers, the observed-remove set, the counter.
    So what is proved of lawful services is proved of these: replica managers with equal value timestamps hold equal
    sets, registers and sums, in every state that can be reached, whatever front ends claim. *)
From Coq Require Import List Arith Lia Bool Sorted Permutation ZArith.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Reachable Theorems Claim ClaimHolds.

(** ** Order, for lists that are kept sorted: what is equal as a set is then equal *)

Record order {B} (cmp : B -> B -> comparison) : Prop := {
  O_eq : forall a b, cmp a b = Eq <-> a = b;
  O_flip : forall a b, cmp b a = CompOpp (cmp a b);
  O_trans : forall a b c, cmp a b = Lt -> cmp b c = Lt -> cmp a c = Lt }.

Definition is_eq (c : comparison) : bool := match c with Eq => true | _ => false end.

(** The order of strings, as lists of bytes; and one of timestamps. *)
Fixpoint lex (u v : list nat) : comparison :=
  match u, v with
  | [], [] => Eq
  | [], _ => Lt
  | _, [] => Gt
  | a :: u, b :: v => if a =? b then lex u v else if a <? b then Lt else Gt
  end.
Lemma lex_order : order lex.
Proof.
  constructor.
  - induction a as [|a u IH]; intros [|b v]; simpl; try easy. destruct (Nat.eqb_spec a b) as [->|N].
    + rewrite IH. split; [intros ->|intros E; inversion E]; auto.
    + destruct (a <? b); (split; [easy|intros E; inversion E; lia]).
  - induction a as [|a u IH]; intros [|b v]; simpl; auto. rewrite (Nat.eqb_sym b a).
    destruct (Nat.eqb_spec a b); auto. destruct (Nat.ltb_spec a b), (Nat.ltb_spec b a); auto; lia.
  - induction a as [|a u IH]; intros [|b v] [|d w]; simpl; try easy.
    destruct (Nat.eqb_spec a b), (Nat.eqb_spec b d), (Nat.eqb_spec a d); try lia; eauto;
      destruct (Nat.ltb_spec a b), (Nat.ltb_spec b d), (Nat.ltb_spec a d); try easy; try lia; eauto.
Qed.

Definition both {B D} (f : B -> B -> comparison) (g : D -> D -> comparison) (x y : B * D) : comparison :=
  if is_eq (f (fst x) (fst y)) then g (snd x) (snd y) else f (fst x) (fst y).
Lemma both_order {B D} (f : B -> B -> comparison) (g : D -> D -> comparison) : order f -> order g -> order (both f g).
Proof.
  intros [Ef Ff Tf] [Eg Fg Tg]. constructor; unfold both, is_eq.
  - intros [a x] [b y]. cbn. destruct (f a b) eqn:E; [apply Ef in E as ->; rewrite Eg|..];
      (split; [intros H|intros H; inversion H; subst]); try easy; try congruence;
      now rewrite (proj2 (Ef b b) eq_refl) in E.
  - intros [a x] [b y]. cbn. rewrite (Ff a b). destruct (f a b); cbn; auto.
  - intros [a x] [b y] [c z]. cbn. destruct (f a b) eqn:E1, (f b c) eqn:E2; try easy.
    + apply Ef in E1 as ->, E2 as ->. rewrite (proj2 (Ef c c) eq_refl). eauto.
    + apply Ef in E1 as ->. now rewrite E2.
    + apply Ef in E2 as ->. now rewrite E1.
    + now rewrite (Tf a b c E1 E2).
Qed.

Section Keyed.
Context {A B : Type} (key : A -> B) (cmp : B -> B -> comparison).
Hypothesis O : order cmp.

Fixpoint insert (x : A) (l : list A) : list A :=
  match l with
  | [] => [x]
  | y :: t => match cmp (key x) (key y) with Lt => x :: l | Eq => l | Gt => y :: insert x t end
  end.
Definition less (x y : A) : Prop := cmp (key x) (key y) = Lt.
Definition ascending : list A -> Prop := StronglySorted less.

Lemma less_irrefl x : ~ less x x.
Proof. unfold less. now rewrite (proj2 (O_eq _ O (key x) (key x)) eq_refl). Qed.

Lemma in_insert x l : (forall y, In y l -> key y = key x -> y = x) -> forall z, In z (insert x l) <-> z = x \/ In z l.
Proof.
  induction l as [|y t IH]; intros U z; cbn; [intuition|]. destruct (cmp (key x) (key y)) eqn:E; cbn; [|intuition|].
  - apply (O_eq _ O) in E. rewrite (U y (or_introl eq_refl)) by auto. intuition.
  - rewrite IH by (intros; apply U; auto; now right). intuition.
Qed.

Lemma insert_ascending x l : ascending l -> ascending (insert x l).
Proof.
  unfold ascending. induction 1 as [|y t H IH F]; cbn; [constructor; constructor|].
  destruct (cmp (key x) (key y)) eqn:E; [now constructor|..].
  - constructor; [now constructor|]. constructor; [exact E|]. rewrite Forall_forall in *. intros z Hz.
    exact (O_trans _ O _ _ _ E (F z Hz)).
  - constructor; auto. rewrite Forall_forall in *. intros z Hz.
    assert (K : z = x \/ In z t).
    { clear -Hz. induction t as [|a t IH]; cbn in Hz; [intuition|].
      destruct (cmp (key x) (key a)); cbn in *; intuition. }
    destruct K as [->|K]; auto. unfold less. now rewrite (O_flip _ O (key x)), E.
Qed.

Lemma ascending_filter f l : ascending l -> ascending (filter f l).
Proof.
  unfold ascending. induction 1 as [|y t H IH F]; cbn; [constructor|]. destruct (f y); auto.
  constructor; auto. rewrite Forall_forall in *. intros z Hz. apply filter_In in Hz. now apply F.
Qed.

Lemma ascending_map f l : (forall x, key (f x) = key x) -> ascending l -> ascending (map f l).
Proof.
  intros K. unfold ascending. induction 1 as [|y t H IH F]; cbn; [constructor|].
  constructor; auto. rewrite Forall_forall in *. intros z Hz. apply in_map_iff in Hz as (x & <- & Hx).
  unfold less. rewrite !K. now apply F.
Qed.

Lemma same_key l x y : ascending l -> In x l -> In y l -> key x = key y -> x = y.
Proof.
  unfold ascending. induction 1 as [|a t H IH F]; [easy|]. rewrite Forall_forall in F.
  intros [<-|Hx] [<-|Hy] E; auto; exfalso.
  - apply (less_irrefl a). unfold less. rewrite E at 2. now apply F.
  - apply (less_irrefl a). unfold less. rewrite <- E at 2. now apply F.
Qed.

Theorem ascending_unique l l' : ascending l -> ascending l' -> (forall x, In x l <-> In x l') -> l = l'.
Proof.
  unfold ascending. intros H. revert l'. induction H as [|a t H IH F]; intros l' H' S.
  - destruct l' as [|b u]; auto. destruct (proj2 (S b) (or_introl eq_refl)).
  - destruct H' as [|b u H' F']; [destruct (proj1 (S a) (or_introl eq_refl))|]. rewrite Forall_forall in *.
    assert (E : a = b).
    { destruct (proj1 (S a) (or_introl eq_refl)) as [|X]; auto.
      destruct (proj2 (S b) (or_introl eq_refl)) as [|Y]; auto. exfalso. apply (less_irrefl a).
      exact (O_trans _ O _ _ _ (F b Y) (F' a X)). }
    subst b. f_equal. apply IH; auto. intros x. split; intros Hx.
    + destruct (proj1 (S x) (or_intror Hx)) as [->|]; auto. destruct (less_irrefl x (F x Hx)).
    + destruct (proj2 (S x) (or_intror Hx)) as [->|]; auto. destruct (less_irrefl x (F' x Hx)).
Qed.
End Keyed.

(** ** Registers that keep concurrent values side by side (src/services/register_map.rs). The observed-remove set
    (src/services/or_set.rs) is the same with nothing to keep: an addition puts, a removal deletes. *)
Inductive register_op (X : Type) :=
| Put (k : list nat) (x : X)     (* replaces the values of this key that the client had seen *)
| Delete (k : list nat).         (* only deletes them *)
Arguments Put {X}.
Arguments Delete {X}.

(** One of the values of a key: which update put it, and all timestamps of that update that were met. *)
Record sibling (X : Type) := mksibling { b_key : list nat; b_id : cid; b_val : X; b_stamps : list vec }.
Arguments mksibling {X}.
Arguments b_key {X}.
Arguments b_id {X}.
Arguments b_val {X}.
Arguments b_stamps {X}.

Section Registers.
Context {X : Type}.
Notation op := (register_op X).
Notation value := (list (sibling X)).
Notation urec := (@urec op).

Definition sort_key (b : sibling X) : list nat * list nat := (b_key b, [fst (b_id b); snd (b_id b)]).
Definition by_key := both lex lex.
Definition same_name (k k' : list nat) : bool := is_eq (lex k k').
Definition add_stamp (t : vec) (l : list vec) : list vec := insert (fun t => t) lex t l.

Definition put_or_delete (R : nat) (c : cid) (o : op) (prev t : vec) (v : value) : value :=
  let unseen k := filter (fun b => negb (same_name k (b_key b) && existsb (fun s => vleb R s prev) (b_stamps b))) v in
  match o with
  | Put k x => insert sort_key by_key (mksibling k c x [t]) (unseen k)
  | Delete k => unseen k
  end.
Definition stamp_again (c : cid) (o : op) (prev t : vec) (v : value) : value :=
  match o with
  | Put k _ => map (fun b => if same_name k (b_key b) && ceqb c (b_id b)
                             then mksibling (b_key b) (b_id b) (b_val b) (add_stamp t (b_stamps b)) else b) v
  | Delete _ => v
  end.

(** For [R] replica managers that take updates, and [E] that are read-only. *)
Definition registers (R E : nat) : Params op value :=
  {| nR := R; nX := E; apply := put_or_delete R; also := stamp_again; v0 := [] |}.

Lemma same_name_spec k k' : same_name k k' = true <-> k = k'.
Proof. unfold same_name, is_eq. rewrite <- (O_eq _ lex_order k k'). destruct (lex k k'); easy. Qed.
Lemma by_key_order : order by_key.
Proof. apply both_order; apply lex_order. Qed.
Lemma sort_key_inj b b' : sort_key b = sort_key b' <-> b_key b = b_key b' /\ b_id b = b_id b'.
Proof.
  unfold sort_key. destruct b as [k [f n] x l], b' as [k' [f' n'] x' l']. cbn. split.
  - intros E. inversion E. auto.
  - intros [-> E]. now inversion E.
Qed.

Variables (R E : nat).
Local Instance its : Params op value := registers R E.
Definition value_of (h : list urec) : value := replay [] v0 h.
Definition of_key (o : op) (k : list nat) : Prop := match o with Put k' _ | Delete k' => k' = k end.

(** Whether the update [c] of the key [k] is one that a later update had seen. *)
Definition superseded (h : list urec) (k : list nat) (c : cid) : Prop :=
  exists d u, In d h /\ In u h /\ r_cid d = c /\ of_key (r_op u) k /\ vle R (r_ts d) (r_prev u).

(** What a history makes of the value, but for the order of its records: all that was put, and not
    superseded by who had seen it. *)
Definition holds (h : list urec) (b : sibling X) : Prop :=
  (exists r, In r h /\ r_cid r = b_id b /\ r_op r = Put (b_key b) (b_val b)) /\
  (ascending (fun t => t) lex (b_stamps b) /\
   forall t, In t (b_stamps b) <-> exists r, In r h /\ r_cid r = b_id b /\ r_ts r = t) /\
  ~ superseded h (b_key b) (b_id b).

Section Law.
Variable acc : list urec.
Hypothesis wf : forall r, In r acc -> WF r.
Hypothesis sub : forall r r', In r acc -> In r' acc -> r_cid r = r_cid r' -> r_op r = r_op r' /\ r_prev r = r_prev r'.

Lemma never_own_past r u : In r acc -> In u acc -> r_cid r = r_cid u -> ~ vle R (r_ts r) (r_prev u).
Proof.
  intros Hr Hu C L. destruct (sub r u Hr Hu C) as [_ Ep]. rewrite <- Ep in L.
  destruct (wf r Hr) as (Ho & _ & Hs). specialize (L (r_org r) Ho). unfold r_seq in Hs. lia.
Qed.

(** The last record of a history is in the past of none of it. *)
Lemma last_unseen h r u : NoDup (h ++ [r]) -> incl (h ++ [r]) acc -> ordered acc (h ++ [r]) -> In u (h ++ [r]) ->
  ~ vle R (r_ts r) (r_prev u).
Proof.
  intros N I O Hu L. assert (Hr : In r acc) by (apply I, in_or_app; right; now left).
  apply in_app_or in Hu as [Hu|[<-|[]]]; [|now apply (never_own_past r r)].
  apply in_split in Hu as (l1 & l2 & ->). assert (Hl : In r l1).
  { apply (O l1 u (l2 ++ [r])); auto. now rewrite <- app_assoc. }
  apply NoDup_remove_2 in N. apply N. rewrite app_nil_r. apply in_or_app. now left.
Qed.

Lemma only_stamp (l : list vec) t : ascending (fun t => t) lex l -> (forall s, In s l <-> s = t) -> l = [t].
Proof.
  intros A H. apply (ascending_unique (fun t => t) lex lex_order); auto; [constructor; constructor|].
  intros s. rewrite H. cbn. intuition.
Qed.

Lemma in_add_stamp t l s : In s (add_stamp t l) <-> s = t \/ In s l.
Proof. apply in_insert; auto using lex_order. Qed.
Lemma sorted_stamps l : let m := fold_right add_stamp [] l in
  ascending (fun t => t) lex m /\ forall t, In t m <-> In t l.
Proof.
  induction l as [|a l [A IH]]; cbn in *; [now split; [constructor|]|].
  split; [now apply insert_ascending; [apply lex_order|]|]. intros t. rewrite in_add_stamp, IH. intuition.
Qed.

Lemma value_holds h : NoDup h -> incl h acc -> ordered acc h ->
  ascending sort_key by_key (value_of h) /\ forall b, In b (value_of h) <-> holds h b.
Proof.
  induction h as [|r h IH] using rev_ind; intros N I O.
  { split; [constructor|]. intros b. split; [easy|]. intros ((r & [] & _) & _). }
  assert (Nh : NoDup h) by (now apply NoDup_remove_1 in N; rewrite app_nil_r in N).
  assert (Ih : incl h acc) by (intros x Hx; apply I, in_or_app; now left).
  assert (Oh : ordered acc h).
  { intros l1 x l2 Eh. apply (O l1 x (l2 ++ [r])). now rewrite Eh, <- app_assoc. }
  assert (Hr : In r acc) by (apply I, in_or_app; right; now left).
  destruct (IH Nh Ih Oh) as [A V]. clear IH.
  assert (Last : forall u, In u (h ++ [r]) -> ~ vle R (r_ts r) (r_prev u)) by (intros u; now apply last_unseen).
  assert (Own : ~ vle R (r_ts r) (r_prev r)) by (apply Last, in_or_app; right; now left).
  unfold value_of in *. rewrite replay_snoc, app_nil_r. destruct (memc (r_cid r) (map r_cid h)) eqn:M.
  - (* A further record of an update that ran before. *)
    apply memc_spec, in_map_iff in M as (r0 & E0 & H0).
    destruct (sub r0 r (Ih _ H0) Hr E0) as [Eo Ep].
    assert (Rep : forall k c, superseded (h ++ [r]) k c <-> superseded h k c).
    { intros k c. split.
      - intros (d & u & Hd & Hu & Ed & Ku & L). apply in_app_or in Hd as [Hd|[<-|[]]]; [|now apply Last in L].
        apply in_app_or in Hu as [Hu|[<-|[]]]; [now exists d, u|]. exists d, r0. now rewrite Eo, Ep.
      - intros (d & u & Hd & Hu & K). exists d, u. rewrite !in_app_iff. intuition. }
    assert (Mine : forall b, holds h b -> b_id b = r_cid r -> r_op r = Put (b_key b) (b_val b)).
    { intros b ((x & Hx & Ex & Ox) & _) Eb. rewrite <- Ox. symmetry. apply (sub x r); auto. congruence. }
    assert (Other : forall b, b_id b <> r_cid r -> (holds (h ++ [r]) b <-> holds h b)).
    { intros b Nb. unfold holds. rewrite Rep.
      assert (Q : forall Q : urec -> Prop, (exists x, In x (h ++ [r]) /\ r_cid x = b_id b /\ Q x) <->
                                   (exists x, In x h /\ r_cid x = b_id b /\ Q x)).
      { intros Q. split; intros (x & Hx & Ex & K); exists x; [|rewrite in_app_iff; auto].
        apply in_app_or in Hx as [Hx|[<-|[]]]; auto. congruence. }
      rewrite Q. assert (Z : forall t, (exists x, In x (h ++ [r]) /\ r_cid x = b_id b /\ r_ts x = t) <->
        exists x, In x h /\ r_cid x = b_id b /\ r_ts x = t) by (intros t; apply (Q (fun x => r_ts x = t))).
      split; intros (K1 & (K2 & K3) & K4); (split; [auto|split; [split; auto|auto]]); intros t; rewrite K3;
      now rewrite Z. }
    cbn [also its registers]. unfold stamp_again. destruct (r_op r) as [k x|k] eqn:Er.
    + split; [apply ascending_map; auto; intros b; now destruct (_ && _)|].
      intros b. rewrite in_map_iff. split.
      * intros (b1 & <- & H1). apply V in H1. destruct (same_name k (b_key b1) && ceqb (r_cid r) (b_id b1)) eqn:Q.
        -- apply andb_true_iff in Q as [_ Q]. apply ceqb_spec in Q. destruct H1 as (K1 & (K2 & K3) & K4).
           split; [|split; [split|]]; cbn.
           ++ destruct K1 as (y & Hy & K1). exists y. rewrite in_app_iff. auto.
           ++ now apply insert_ascending; [apply lex_order|].
           ++ intros t. rewrite in_add_stamp, K3. split.
              ** intros [->|(y & Hy & K)]; [exists r|exists y]; rewrite in_app_iff; intuition.
              ** intros (y & Hy & K & <-). apply in_app_or in Hy as [Hy|[<-|[]]]; eauto.
           ++ now rewrite Rep.
        -- apply Other; auto. intros Eb. pose proof (Mine _ H1 Eb) as K. inversion K; subst.
           rewrite Eb, (proj2 (same_name_spec _ _) eq_refl), (proj2 (ceqb_spec _ _) eq_refl) in Q. discriminate.
      * intros Hb. destruct (ceqb (r_cid r) (b_id b)) eqn:Q.
        -- apply ceqb_spec in Q. destruct Hb as ((y & Hy & Ey & Oy) & (K2 & K3) & K4).
           assert (Ey' : r_op r0 = Put (b_key b) (b_val b)).
           { rewrite <- Oy. apply sub; auto. congruence. }
           set (l := fold_right add_stamp [] (map r_ts (filter (fun y => ceqb (r_cid r) (r_cid y)) h))).
           destruct (sorted_stamps (map r_ts (filter (fun y => ceqb (r_cid r) (r_cid y)) h))) as [Al Is].
           fold l in Al, Is.
           assert (Il : forall t, In t l <-> exists y, In y h /\ r_cid y = r_cid r /\ r_ts y = t).
           { intros t. rewrite Is, in_map_iff.
             split; intros (z & K); exists z; rewrite filter_In, ceqb_spec in *; intuition. }
           exists (mksibling (b_key b) (b_id b) (b_val b) l). split.
           ++ rewrite Eo in Ey'. inversion Ey'; subst. cbn [b_key b_id b_val b_stamps].
              rewrite (proj2 (same_name_spec _ _) eq_refl), (proj2 (ceqb_spec _ _) Q). cbn [andb].
              destruct b as [bk bi bv bs]. cbn in *. f_equal.
              apply (ascending_unique (fun t => t) lex lex_order); auto.
              { now apply insert_ascending; [apply lex_order|]. }
              intros t. rewrite in_add_stamp, K3, Il. split.
              ** intros [->|(z & Hz & K)]; [exists r|exists z]; rewrite in_app_iff; cbn; intuition congruence.
              ** intros (z & Hz & K & <-). apply in_app_or in Hz as [Hz|[<-|[]]]; auto. right. exists z.
                 intuition congruence.
           ++ apply V. split; [|split; [split|]]; cbn [b_key b_id b_val b_stamps]; auto.
              ** exists r0. intuition congruence.
              ** intros t. rewrite Il. now rewrite <- Q.
              ** now rewrite <- Rep.
        -- exists b. rewrite Q, andb_false_r. split; auto. apply V, Other; auto.
           intros Eb. rewrite (proj2 (ceqb_spec _ _) (eq_sym Eb)) in Q. discriminate.
    + split; auto. intros b. rewrite V. assert (D : forall b, holds h b -> b_id b <> r_cid r).
      { intros b1 Hb Eb. pose proof (Mine b1 Hb Eb) as K. discriminate. }
      split; intros Hb; [apply Other; auto; now apply D|].
      destruct (ceqb (r_cid r) (b_id b)) eqn:Q.
      * apply ceqb_spec in Q. destruct Hb as ((y & Hy & Ey & Oy) & _).
        assert (K : r_op y = r_op r) by (apply sub; auto; congruence). rewrite Er, Oy in K. discriminate.
      * apply Other; auto. intros Eb. rewrite (proj2 (ceqb_spec _ _) (eq_sym Eb)) in Q. discriminate.
  - (* The first record of an update. *)
    assert (Fresh : forall y, In y h -> r_cid y <> r_cid r).
    { intros y Hy Ey. assert (K : memc (r_cid r) (map r_cid h) = true) by (apply memc_spec; rewrite <- Ey;
      now apply in_map).
      congruence. }
    set (old := fun k => filter (fun b => negb (same_name k (b_key b) && existsb (fun s => vleb R s (r_prev r))
    (b_stamps b)))
      (replay [] v0 h)).
    assert (Old : forall k b, of_key (r_op r) k -> In b (old k) <-> (holds (h ++ [r]) b /\ b_id b <> r_cid r)).
    { intros k b Hk. unfold old. rewrite filter_In, V, negb_true_iff. split.
      - intros [(K1 & (K2 & K3) & K4) F]. assert (Nb : b_id b <> r_cid r).
        { destruct K1 as (y & Hy & Ey & _). rewrite <- Ey. now apply Fresh. }
        split; auto. split; [|split; [split; auto|]].
        + destruct K1 as (y & Hy & K1). exists y. rewrite in_app_iff. auto.
        + intros t. rewrite K3. split; intros (y & Hy & Ey & K); exists y; [rewrite in_app_iff; auto|].
          apply in_app_or in Hy as [Hy|[<-|[]]]; auto. congruence.
        + intros (d & u & Hd & Hu & Ed & Ku & L). apply in_app_or in Hd as [Hd|[<-|[]]]; [|now apply Last in L].
          apply in_app_or in Hu as [Hu|[<-|[]]]; [apply K4; now exists d, u|].
          assert (Ek : k = b_key b) by (destruct (r_op r); cbn in *; congruence). subst k.
          rewrite (proj2 (same_name_spec _ _) eq_refl) in F. cbn in F.
          assert (T : existsb (fun s => vleb R s (r_prev r)) (b_stamps b) = true).
          { apply existsb_exists. exists (r_ts d). split; [apply K3; eauto|now apply vleb_spec]. }
          congruence.
      - intros [(K1 & (K2 & K3) & K4) Nb].
        assert (W : forall y, In y (h ++ [r]) -> r_cid y = b_id b -> In y h).
        { intros y Hy Ey. apply in_app_or in Hy as [Hy|[<-|[]]]; auto. congruence. }
        split; [split; [|split; [split; auto|]]|].
        + destruct K1 as (y & Hy & Ey & K1). exists y. auto.
        + intros t. rewrite K3. split; intros (y & Hy & Ey & K); exists y; auto. rewrite in_app_iff. auto.
        + intros (d & u & Hd & Hu & K). apply K4. exists d, u. rewrite !in_app_iff. auto.
        + destruct (same_name k (b_key b)) eqn:Q; auto. apply same_name_spec in Q. subst k. cbn.
          destruct (existsb _ _) eqn:T; auto. apply existsb_exists in T as (t & Ht & L). apply vleb_spec in L.
          apply K3 in Ht as (d & Hd & Ed & <-). exfalso. apply K4. exists d, r. rewrite !in_app_iff. cbn. auto 10. }
    cbn [apply its registers]. unfold put_or_delete. destruct (r_op r) as [k x|k] eqn:Er; fold (old k).
    + split; [apply insert_ascending; [apply by_key_order|now apply ascending_filter]|].
      intros b. rewrite in_insert by (apply by_key_order || (intros y Hy Ky; apply (Old k y) in Hy as [_ Hy];
      [|reflexivity];
        apply sort_key_inj in Ky as [_ Ky]; now elim Hy)).
      rewrite (Old k b) by reflexivity. split.
      * intros [->|[H _]]; auto. split; [|split; [split|]]; cbn.
        -- exists r. rewrite in_app_iff. cbn. auto.
        -- constructor; constructor.
        -- intros t. split; [intros [<-|[]]; exists r; rewrite in_app_iff; cbn; auto|].
           intros (y & Hy & Ey & <-). apply in_app_or in Hy as [Hy|[<-|[]]]; auto. now elim (Fresh y Hy).
        -- intros (d & u & Hd & Hu & Ed & _ & L). apply in_app_or in Hd as [Hd|[<-|[]]]; [now elim (Fresh d Hd)|].
           now apply Last in L.
      * intros Hb. destruct (ceqb (r_cid r) (b_id b)) eqn:Q.
        -- left. apply ceqb_spec in Q. destruct Hb as ((y & Hy & Ey & Oy) & (K2 & K3) & _).
           assert (y = r).
           { apply in_app_or in Hy as [Hy|[<-|[]]]; auto. elim (Fresh y Hy). congruence. } subst y.
           rewrite Er in Oy. inversion Oy. destruct b as [bk bi bv bs]. cbn in *. subst. f_equal.
           apply only_stamp; auto.
           intros s. rewrite K3. split.
           ++ intros (y & Hy' & Ey' & <-). apply in_app_or in Hy' as [Hy'|[<-|[]]]; auto. now elim (Fresh y Hy').
           ++ intros ->. exists r. auto.
        -- right. split; auto. intros Eb. rewrite (proj2 (ceqb_spec _ _) (eq_sym Eb)) in Q. discriminate.
    + split; [now apply ascending_filter|]. intros b. rewrite (Old k b) by reflexivity. split; [now intros [H _]|].
      intros Hb. split; auto. intros Eb. destruct Hb as ((y & Hy & Ey & Oy) & _).
      assert (y = r).
      { apply in_app_or in Hy as [Hy|[<-|[]]]; auto. elim (Fresh y Hy). congruence. } subst y. rewrite Er in Oy.
        discriminate.
Qed.
End Law.
End Registers.

(** ** In the end, values of a service that keeps the law are equal, if gossip is fair and updates stop *)
Lemma equal_in_the_end {Op Val : Type} {P : Params Op Val} : (forall s : st, reach s -> law s) ->
  forall (run : nat -> world) t0, goes_on run -> fair run ->
  (forall t r, t0 <= t -> somewhere (run t) r -> somewhere (run t0) r) ->
  exists t1, forall t i j, t1 <= t -> i < nM -> j < nM -> val (core (at_ (run t) i)) = val (core (at_ (run t) j)).
Proof.
  intros L run t0 G F Q. destruct (proj2 claim_holds run G F t0 Q) as [t1 H1]. exists t1. intros t i j Ht Hi Hj.
  pose proof (run_possible run G t) as Po.
  apply (right_values _ (proj1 claim_holds _ Po)); auto; [now apply all_lawful|now apply H1..].
Qed.

(** The law holds in every state that can be reached. *)
Section Reached.
Context {X : Type} (R E : nat).
Local Instance here : Params (register_op X) (list (sibling X)) := registers R E.

Lemma recorded_once (s : st) : reach s -> forall r r', In r (acc s) -> In r' (acc s) -> r_cid r = r_cid r' ->
  r_op r = r_op r' /\ r_prev r = r_prev r'.
Proof.
  intros H r r' Hr Hr' C. pose proof (I_sub _ (reach_inv s H) _ Hr) as A.
  pose proof (I_sub _ (reach_inv s H) _ Hr') as B.
  rewrite C, B in A. now inversion A.
Qed.

Theorem registers_law (s : st) : reach s -> law s.
Proof.
  intros H h1 h2 N1 N2 I1 S O1 O2. assert (I2 : incl h2 (acc s)) by (intros r Hr; now apply I1, S).
  destruct (value_holds R E (acc s) (acc_wf s H) (recorded_once s H) h1 N1 I1 O1) as [A1 V1].
  destruct (value_holds R E (acc s) (acc_wf s H) (recorded_once s H) h2 N2 I2 O2) as [A2 V2].
  apply (ascending_unique sort_key by_key by_key_order); auto. intros b. rewrite V1, V2.
  enough (K : forall h h', (forall r, In r h <-> In r h') -> holds R h b -> holds R h' b).
  { split; apply K; auto. intros r. now rewrite S. }
  clear. intros h h' S ((r & Hr & K1) & (K2 & K3) & K4). split; [exists r; now rewrite <- S|split; [split; auto|]].
  - intros t. rewrite K3. split; intros (y & Hy & K); exists y; [rewrite <- S|rewrite S]; auto.
  - intros (d & u & Hd & Hu & K). apply K4. exists d, u. now rewrite !S.
Qed.

(** What a value is, in words that name no order: what was put and not superseded. *)
Theorem registers_mean (s : st) i b : reach s -> i < nM -> In b (val (rms s i)) <-> holds R (hist s i) b.
Proof.
  intros H Hi. pose proof (loc s H i Hi) as L. rewrite (L_val _ _ _ _ L).
  apply (value_holds R E (acc s) (acc_wf s H) (recorded_once s H)); [eapply nodup_app_l; apply L| |apply L].
  intros r. now apply hist_acc.
Qed.

Theorem registers_agree (w : world) i j : possible w -> i < nM -> j < nM ->
  within (vts (core (at_ w i))) (vts (core (at_ w j))) -> within (vts (core (at_ w j))) (vts (core (at_ w i))) ->
  val (core (at_ w i)) = val (core (at_ w j)).
Proof.
  intros H. apply (right_values w (proj1 claim_holds w H)). now apply all_lawful; [apply registers_law|].
Qed.

(** And in the end they do, if gossip is fair and updates stop. *)
Corollary registers_converge (run : nat -> world) t0 : goes_on run -> fair run ->
  (forall t r, t0 <= t -> somewhere (run t) r -> somewhere (run t0) r) ->
  exists t1, forall t i j, t1 <= t -> i < nM -> j < nM -> val (core (at_ (run t) i)) = val (core (at_ (run t) j)).
Proof. apply equal_in_the_end, registers_law. Qed.
End Reached.

(** The observed-remove set: its elements are the keys. *)
Definition or_set (R E : nat) := registers (X := unit) R E.
Definition elements (v : list (sibling unit)) (k : list nat) : Prop := In k (map b_key v).
Definition Add (k : list nat) : register_op unit := Put k tt.
Definition Remove (k : list nat) : register_op unit := Delete k.

(** An element is in it if it was added by an update that no other one of this element, addition or removal,
had seen. *)
Theorem or_set_means (R E : nat) (P := or_set R E) (s : st) i k : reach s -> i < nM ->
  elements (val (rms s i)) k <-> exists r, In r (hist s i) /\ r_op r = Add k /\ ~ superseded R (hist s i) k (r_cid r).
Proof.
  intros H Hi. unfold elements. rewrite in_map_iff. split.
  - intros (b & <- & Hb). apply (registers_mean R E s i b H Hi) in Hb as ((r & Hr & Er & Or) & _ & N).
    exists r. unfold Add. rewrite Er, Or. now destruct (b_val b).
  - intros (r & Hr & Or & N).
    destruct (sorted_stamps (map r_ts (filter (fun y => ceqb (r_cid r) (r_cid y)) (hist s i)))) as [A S].
    set (l := fold_right add_stamp [] _) in *. exists (mksibling k (r_cid r) tt l). split; auto.
    apply (registers_mean R E s i _ H Hi). split; [now exists r|split; [split; auto|exact N]].
    intros t. rewrite (S t), in_map_iff.
    split; intros (y & K); exists y; rewrite filter_In, ceqb_spec in *; cbn in *; intuition.
Qed.

(** So two replica managers with equal value timestamps hold equal sets, whatever happened to them. *)
Corollary or_sets_agree (R E : nat) (P := or_set R E) (w : world) i j : possible w -> i < nM -> j < nM ->
  within (vts (core (at_ w i))) (vts (core (at_ w j))) -> within (vts (core (at_ w j))) (vts (core (at_ w i))) ->
  val (core (at_ w i)) = val (core (at_ w j)).
Proof. apply registers_agree. Qed.

(** ** Services whose operations commute, like the counter (src/services/counter.rs) *)
Section Commuting.
Context {Op Val : Type} (f : Op -> Val -> Val) (first : Val) (R E : nat).
Definition commuting : Params Op Val :=
  {| nR := R; nX := E; apply := fun _ o _ _ v => f o v; also := fun _ _ _ _ v => v; v0 := first |}.
Local Instance these : Params Op Val := commuting.
Hypothesis commute : forall o o' v, f o (f o' v) = f o' (f o v).

Lemma replay_fold h : forall ex v, replay ex v h = fold_left (fun v p => f (snd p) v) (map (fun r => (r_cid r,
r_op r)) (eff ex h)) v.
Proof. induction h as [|r h IH]; intros ex v; cbn; auto. destruct (memc (r_cid r) ex); cbn; auto. Qed.

Lemma fold_permuted (l l' : list (cid * Op)) : Permutation l l' -> forall v,
  fold_left (fun v p => f (snd p) v) l v = fold_left (fun v p => f (snd p) v) l' v.
Proof. induction 1; intros v; cbn; auto; [now rewrite commute|congruence]. Qed.

Theorem commuting_law (s : st) : reach s -> law s.
Proof.
  intros H h1 h2 N1 N2 I1 S O1 O2. rewrite !replay_fold. apply fold_permuted, NoDup_Permutation.
  1, 2: apply (NoDup_map_inv fst); rewrite map_map; apply eff_nodup.
  assert (K : forall h h', incl h (acc s) -> incl h' (acc s) -> (forall r, In r h -> In r h') -> forall p,
    In p (map (fun r => (r_cid r, r_op r)) (eff [] h)) -> In p (map (fun r => (r_cid r, r_op r)) (eff [] h'))).
  { intros h h' I I' S' p Hp. apply in_map_iff in Hp as (r & <- & Hr). apply eff_incl in Hr.
    destruct (eff_complete h' [] r (S' r Hr)) as [[]|Hc]. apply in_map_iff in Hc as (y & Ey & Hy).
    apply in_map_iff. exists y. split; auto. apply eff_incl in Hy. rewrite Ey. f_equal.
    pose proof (I_sub _ (reach_inv s H) _ (I _ Hr)) as A. pose proof (I_sub _ (reach_inv s H) _ (I' _ Hy)) as B.
    rewrite Ey, A in B. now inversion B. }
  assert (I2 : incl h2 (acc s)) by (intros r Hr; now apply I1, S).
  intros p. split; apply K; auto; intros r; apply S.
Qed.
End Commuting.

(** The counter's numbers wrap around, as those of 128 bits do. *)
Definition wrap (n : Z) : Z := ((n + 2 ^ 127) mod 2 ^ 128 - 2 ^ 127)%Z.
Definition counter (R E : nat) : Params Z Z := commuting (fun o v => wrap (v + o)) 0%Z R E.
Theorem counter_law (R E : nat) (P := counter R E) (s : st) : reach s -> law s.
Proof.
  apply commuting_law. intros o o' v. unfold wrap. f_equal.
  replace ((v + o' + 2 ^ 127) mod 2 ^ 128 - 2 ^ 127 + o + 2 ^ 127)%Z with ((v + o' + 2 ^ 127) mod 2 ^ 128 + o)%Z by
  ring.
  replace ((v + o + 2 ^ 127) mod 2 ^ 128 - 2 ^ 127 + o' + 2 ^ 127)%Z with ((v + o + 2 ^ 127) mod 2 ^ 128 + o')%Z by
  ring.
  rewrite !Zplus_mod_idemp_l. f_equal. ring.
Qed.
Corollary counters_agree (R E : nat) (P := counter R E) (w : world) i j : possible w -> i < nM -> j < nM ->
  within (vts (core (at_ w i))) (vts (core (at_ w j))) -> within (vts (core (at_ w j))) (vts (core (at_ w i))) ->
  val (core (at_ w i)) = val (core (at_ w j)).
Proof. intros H. apply (right_values w (proj1 claim_holds w H)). now apply all_lawful; [apply counter_law|]. Qed.
Corollary counters_converge (R E : nat) (P := counter R E) (run : nat -> world) t0 : goes_on run -> fair run ->
  (forall t r, t0 <= t -> somewhere (run t) r -> somewhere (run t0) r) ->
  exists t1, forall t i j, t1 <= t -> i < nM -> j < nM -> val (core (at_ (run t) i)) = val (core (at_ (run t) j)).
Proof. apply equal_in_the_end, counter_law. Qed.

(** ** The example of src/services/or_set.rs, and why further timestamps must be told: an addition that two recorded,
    and a removal that had heard of one of them *)
Example the_removal_had_not_seen_it :
  map b_id (put_or_delete 2 (0, 3) (Remove [1]) [1; 0] [2; 0]
    (put_or_delete 2 (0, 2) (Add [1]) [] [0; 1] (put_or_delete 2 (0, 1) (Add [1]) [] [1; 0] []))) = [(0, 2)].
Proof. reflexivity. Qed.
Section Told.
Variable told : cid -> register_op unit -> vec -> vec -> list (sibling unit) -> list (sibling unit).
Definition with_stamps (first further : vec) : list (sibling unit) :=
  put_or_delete 2 (0, 2) (Remove [1]) [1; 0] [2; 0]
    (told (0, 1) (Add [1]) [] further (put_or_delete 2 (0, 1) (Add [1]) [] first [])).
End Told.
Example removed_everywhere :
  with_stamps stamp_again [1; 0] [0; 1] = [] /\ with_stamps stamp_again [0; 1] [1; 0] = [].
Proof. split; reflexivity. Qed.
Example removed_at_one : let untold := fun _ _ _ _ v => v in
  with_stamps untold [1; 0] [0; 1] = [] /\ map b_key (with_stamps untold [0; 1] [1; 0]) = [[1]].
Proof. split; reflexivity. Qed.
