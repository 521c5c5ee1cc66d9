(** How a replacement comes about: each member that stays records it in its own time, starts again, and goes by
    other rules from then on. Meanwhile all act on, those who are to be replaced too. When the last one has
    recorded it, [replaced] is the state of the system: no member that stays is in another state than here.

    The rules are those of src/protocol/rules.rs: [hears], [counts], [knows_at_start], and [may_copy]. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local System Invariant Preserve Replaced Reachable Theorems Fragments Progress.

Section Replacement.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation urec := (@urec Op).
Notation rm := (@rm Op Val).
Notation gsp := (@gsp Op).
Notation st := (@st Op Val).
Variables (lost new : nat -> bool).   (* who is to be replaced, and the places of those who come *)

(** The system; who has recorded the replacement; what these have said since; and, as a ghost, what they held
    when they recorded it. *)
Record stage := mkstage { sys : st; rec : nat -> bool; said : list gsp; had : nat -> vec }.

Definition stays (s : st) (i : nat) : Prop := i < nM /\ member s i /\ lost i = false.
(** Whoever has recorded it hears only what was said by such. (Who has not hears all, which is more than he does.) *)
Definition hears (F : nat -> bool) (L : list gsp) (i : nat) (g : gsp) : Prop := F i = true -> In g L.
(** Whose need keeps records in the log of [i]: its members'. *)
Definition counts (s : st) (F : nat -> bool) (i k : nat) : Prop :=
  if F i then (member s k /\ lost k = false) \/ new k = true else member s k.
(** Of the newcomers, nothing is known at the start, nor of the lost. *)
Definition starts (F : bool) (x : rm) : rm :=
  with_tbl x (map (fun k => if F && (new k || lost k) then [] else tget (restart x) k) (seq 0 nM)).
(** It starts so, or knowing less. *)
Definition starts_with (F : bool) (x : rm) (t : list vec) : Prop :=
  forall k, k < nM -> vle (nth k t []) (tget (starts F x) k).
(** No copy is taken before all have recorded it. *)
Definition may_copy (S : stage) : Prop := forall i, stays (sys S) i -> rec S i = true.

Inductive goes : stage -> stage -> Prop :=
| G_client s F L B s' :       (* front ends act, or are answered *)
    step s s' -> rms s' = rms s -> acc s' = acc s -> heir s' = heir s ->
    (forall g, In (MGsp g) (net s) <-> In (MGsp g) (net s')) -> goes (mkstage s F L B) (mkstage s' F L B)
| G_accept s F L B i q a l :
    i < nR -> member s i -> In (MReq q) (net s) ->
    known (rms s i) (q_cid q) = false -> plausible (rms s i) q = true ->
    settles (add_all (rms s i) (count (rms s i) (stamp (rms s i) q)) [stamp (rms s i) q]) l a ->
    goes (mkstage s F L B)
      (mkstage (put (made (send s (MRep (q_cid q) (r_ts (stamp (rms s i) q)) [stamp (rms s i) q]))
                  (stamp (rms s i) q)) i a l) F L B)
| G_send s F L B i j v asks :
    i < nM -> member s i -> j < nM ->
    let g := make_gossip (rms s i) j v asks false in
    goes (mkstage s F L B) (mkstage (send s (MGsp g)) F (if F i then g :: L else L) B)
| G_cut s F L B g g' (late : bool) :
    In (MGsp g) (net s) -> cut g g' -> (late = true -> In g L) ->
    goes (mkstage s F L B) (mkstage (send s (MGsp g')) F (if late then g' :: L else L) B)
| G_recv s F L B g v l' l a :
    In (MGsp g) (net s) -> hears F L (g_dst g) g ->
    take (g_ts g) (rts (rms s (g_dst g))) (g_log g) = (v, l') ->
    settles (add_all (rms s (g_dst g)) v l') l a ->
    goes (mkstage s F L B) (mkstage (put s (g_dst g) (learn a g) l) F L B)
| G_discard s F L B i upto :
    i < nM -> vle upto (prefix (rms s i)) ->
    (forall k, In k (needed (rms s i)) -> counts s F i k -> vle upto (tget (rms s i) k)) ->
    goes (mkstage s F L B) (mkstage (put s i (discard (rms s i) upto) []) F L B)
| G_start s F L B i t :
    i < nM -> starts_with (F i) (rms s i) t ->
    goes (mkstage s F L B) (mkstage (put s i (with_tbl (rms s i) t) []) F L B)
| G_record s F L B i t :
    stays s i -> F i = false -> starts_with true (rms s i) t ->
    goes (mkstage s F L B)
      (mkstage (put s i (with_tbl (rms s i) t) []) (upd F i true) L (upd B i (rts (rms s i)))).

Inductive goes_on (S0 : stage) : stage -> Prop :=
| Go_start : goes_on S0 S0
| Go_step S S' : goes_on S0 S -> goes S S' -> goes_on S0 S'.
(** From [s0], when nobody has recorded it yet. *)
Definition leads_to (s0 : st) (S : stage) : Prop := goes_on (mkstage s0 (fun _ => false) [] (fun _ => [])) S.

(** ** What holds meanwhile *)
Record GI (S : stage) : Prop := {
  G_reach : reach (sys S);
  G_stay : forall i, rec S i = true -> stays (sys S) i;
  G_had : forall i k, rec S i = true -> k < nR -> ~ stays (sys S) k ->
    get (had S i) k <= get (rts (rms (sys S) i)) k /\
    exists u, rec S u = true /\ get (rts (rms (sys S) i)) k <= get (had S u) k;
  G_said : forall g, In g (said S) -> In (MGsp g) (net (sys S)) /\ rec S (g_src g) = true /\
    (g_comp g = true -> g_tbl g = [] /\
       forall k, k < nR -> ~ stays (sys S) k -> get (had S (g_src g)) k <= get (g_ts g) k) /\
    (forall r, In r (g_log g) -> ~ stays (sys S) (r_org r) ->
       exists u, rec S u = true /\ r_seq r <= get (had S u) (r_org r));
  G_new : forall i k, rec S i = true -> new k = true -> vle (tget (rms (sys S) i) k) [];
  G_row : forall i u k, rec S i = true -> stays (sys S) u -> k < nR -> ~ stays (sys S) k ->
    vle (tget (rms (sys S) i) u) (gone (rms (sys S) i)) \/
    (rec S u = true /\ get (had S u) k <= get (rts (rms (sys S) i)) k) }.

(** Newcomers have places that were never used, and take updates; so does everyone who stays. *)
Record fits (s : st) : Prop := {
  T_new : forall k, new k = true -> k < nR /\ ~ member s k;
  T_none : forall r, In r (acc s) -> new (r_org r) = false;
  T_one : exists k, new k = true;
  T_all : forall i, stays s i -> i < nR }.

Lemma row_at_start (s : st) i F k : Inv s -> i < nM -> k < nM ->
  vle (tget (starts F (rms s i)) k) (tget (restart (rms s i)) k) /\
  vle (tget (starts F (rms s i)) k) (gone (rms s i)) /\
  (F = true -> new k = true -> tget (starts F (rms s i)) k = []).
Proof.
  intros I Hi Hk.
  assert (R : vle (tget (restart (rms s i)) k) (gone (rms s i))).
  { rewrite restart_row by assumption. destruct (keeps _ _); [apply vle_refl|apply vle_nil]. }
  assert (E : tget (starts F (rms s i)) k = if F && (new k || lost k) then [] else tget (restart (rms s i)) k).
  { unfold starts. unfold tget at 1. simpl tbl. now rewrite nth_map_seq. }
  rewrite E. destruct (F && (new k || lost k)) eqn:C; splits; auto using vle_nil, vle_refl.
  intros -> N. now rewrite N in C.
Qed.

(** Of [goes], nothing but steps of the system. *)
Lemma goes_steps S S' : goes S S' -> GI S -> fits (sys S) -> step (sys S) (sys S').
Proof.
  intros H G T. pose proof (reach_inv _ (G_reach _ G)) as I. destruct H; simpl in *; auto.
  - now apply S_accept.
  - now apply S_send.
  - now apply S_cut with (g := g).
  - now apply S_recv with (v := v) (l' := l').
  - apply S_discard; auto. intros k Hk Hm. destruct (F i) eqn:E.
    2:{ apply H1; auto. unfold counts. now rewrite E. }
    destruct (T_one _ T) as [n Hn]. destruct (T_new _ T n Hn) as (Hr & Hmn).
    eapply vle_trans; [|apply vle_nil]. eapply vle_trans; [|apply (G_new _ G i n E Hn)]. apply H1.
    + apply in_needed; auto; [|now right]. intros ->. destruct (G_stay _ G i E) as (_ & X & _). now apply Hmn.
    + unfold counts. rewrite E. now right.
  - apply S_crash; auto. intros k Hk. eapply vle_trans; [now apply H0|now apply row_at_start].
  - apply S_crash; [apply H|]. intros k Hk. eapply vle_trans; [now apply H1|]. apply row_at_start; auto. apply H.
Qed.

Lemma settles_keeps (s s' : rm) l : settles s l s' -> rts s' = rts s /\ tbl s' = tbl s /\ gone s' = gone s.
Proof. induction 1; auto. Qed.

Lemma take_from claimed (l : list urec) : forall v v' l', take claimed v l = (v', l') ->
  forall c, c < nR -> get v' c = get v c \/ exists r, In r l /\ r_org r = c /\ get v' c = r_seq r.
Proof.
  induction l as [|r l IH]; simpl; intros v v' l' H c Hc; [inversion H; auto|]. destruct (_ && _).
  - destruct (take claimed (vset nR v (r_org r) (r_seq r)) l) as [v1 l1] eqn:E. inversion H; subst.
    destruct (IH _ _ _ E c Hc) as [X|(x & Hx & Ho & X)]; [|right; exists x; auto].
    rewrite get_vset in X by assumption. destruct (Nat.eqb_spec c (r_org r)) as [->|]; auto.
    right. exists r. auto.
  - destruct (IH _ _ _ H c Hc) as [X|(x & Hx & Ho & X)]; [auto|right; exists x; auto].
Qed.

(** What all steps but [G_record] do to those who have recorded it. *)
Lemma frame s s' F L L' B : GI (mkstage s F L B) -> step s s' -> heir s' = heir s -> (forall g, In (MGsp g)
  (net s) -> In (MGsp g) (net s')) ->
  (forall i k, F i = true -> k < nR -> ~ stays s k -> get (rts (rms s i)) k <= get (rts (rms s' i)) k /\
     (get (rts (rms s' i)) k = get (rts (rms s i)) k \/ exists u, F u = true /\ get (rts (rms s' i)) k <= get
       (B u) k)) ->
  (forall i u, F i = true -> u < nM ->
     (vle (tget (rms s' i) u) (tget (rms s i) u) /\ vle (gone (rms s i)) (gone (rms s' i))) \/
     (vle (tget (rms s' i) u) (gone (rms s' i)) /\ (new u = true -> vle (tget (rms s' i) u) [])) \/
     (F u = true /\ new u = false /\ forall k, k < nR -> ~ stays s k -> get (B u) k <= get (rts (rms s' i))
       k)) ->
  (forall g, In g L' -> In g L \/ (In (MGsp g) (net s') /\ F (g_src g) = true /\
    (g_comp g = true -> g_tbl g = [] /\ forall k, k < nR -> ~ stays s k -> get (B (g_src g)) k <= get (g_ts
      g) k) /\
    (forall r, In r (g_log g) -> ~ stays s (r_org r) -> exists u, F u = true /\ r_seq r <= get (B u) (r_org
      r)))) ->
  (forall k, new k = true -> k < nR) ->
  GI (mkstage s' F L' B).
Proof.
  intros G St Hh Hn Hr Hrow HL HnR.
  assert (Sy : forall i, stays s' i <-> stays s i) by (intros i; unfold stays, member; now rewrite Hh).
  destruct G as [G1 G2 G3 G4 G5 G6]. simpl in *. constructor; simpl.
  - eapply R_step; eauto.
  - intros i Hi. apply Sy. auto.
  - intros i k Hi Hk Hs. rewrite Sy in Hs. destruct (G3 i k Hi Hk Hs) as (A & u & Hu & Bu).
    destruct (Hr i k Hi Hk Hs) as (C & D). split; [lia|]. destruct D as [E|D]; auto. exists u. split; auto. lia.
  - intros g Hg. destruct (HL g Hg) as [Ho|(A & B' & C & D)].
    + destruct (G4 g Ho) as (A & B' & C & D). splits; auto.
      * intros X. destruct (C X) as (C1 & C2). split; auto. intros k Hk Hs. rewrite Sy in Hs. auto.
      * intros r Hx Hs. rewrite Sy in Hs. auto.
    + splits; auto.
      * intros X. destruct (C X) as (C1 & C2). split; auto. intros k Hk Hs. rewrite Sy in Hs. auto.
      * intros r Hx Hs. rewrite Sy in Hs. auto.
  - intros i k Hi Hk. destruct (Hrow i k Hi (nR_nM _ (HnR k Hk))) as [(A & _)|[(_ & A)|(_ & A & _)]]; auto;
      [|congruence].
    eapply vle_trans; [exact A|auto].
  - intros i u k Hi Hu Hk Hs. rewrite Sy in Hu, Hs. destruct (Hr i k Hi Hk Hs) as (C & _).
    destruct (Hrow i u Hi (proj1 Hu)) as [(A & A')|[(A & _)|(A & _ & A')]]; auto.
    destruct (G6 i u k Hi Hu Hk Hs) as [X|(X & Y)]; [left|right; split; auto; lia].
    eapply vle_trans; [exact A|]. eapply vle_trans; eauto.
Qed.

Lemma goes_GI S S' : goes S S' -> GI S -> fits (sys S) -> GI S'.
Proof.
  intros H G T. pose proof (goes_steps S S' H G T) as St. pose proof (reach_inv _ (G_reach _ G)) as I.
  assert (HnR : forall k, new k = true -> k < nR) by (intros k Hk; now apply (T_new _ T)).
  destruct H; simpl in *.
  - apply frame with (s := s) (L := L); auto.
    + intros g. now apply H3.
    + intros i k Hi Hk Hs. rewrite H0. auto.
    + intros i u Hi Hu. rewrite H0. left. split; apply vle_refl.
  - destruct (settles_keeps _ _ _ H4) as (Er & Et & Eg). cbn [tbl gone add_all rts] in Er, Et, Eg.
    apply frame with (s := s) (L := L); auto.
    + intros m Hm. now right.
    + intros j k Hj Hk Hs. cbn [rms put]. at_i j i; auto. rewrite Er. unfold count. rewrite (me_i s i I) by
        auto.
      assert (k <> i) by (intros ->; apply Hs, (G_stay _ G i Hj)). rewrite get_vset_neq by assumption. auto.
    + intros j u Hj Hu. cbn [rms put]. left. at_i j i; [|split; apply vle_refl]. unfold tget. rewrite Et, Eg.
      split; apply vle_refl.
  - assert (M : g_src g = i) by (simpl; now apply me_i).
    apply frame with (s := s) (L := L); auto.
    + intros m Hm. now right.
    + intros i' u Hj Hu. left. split; apply vle_refl.
    + intros x Hx. destruct (F i) eqn:E; auto. destruct Hx as [<-|Hx]; auto. right. rewrite M. splits; auto.
      * now left.
      * intros _. split; auto. intros k Hk Hs. now apply (G_had _ G i k E Hk Hs).
      * intros r Hr Hs. pose proof (I_loc _ I i H) as Li. apply in_beyond in Hr.
        assert (Hr' : In r (hist s i ++ pend (rms s i))).
        { apply in_or_app. apply in_app_or in Hr as [?|Hr]; auto. left. now apply (L_done _ _ _ _ Li). }
        apply (L_corr _ _ _ _ Li) in Hr' as [Ha Hl]. pose proof (proj1 (proj1 (I_wf _ I r Ha))) as Ho.
        destruct (G_had _ G i (r_org r) E Ho Hs) as (_ & u & Hu & Hl'). exists u. split; auto. simpl in Hl'.
          lia.
  - apply frame with (s := s) (L := L); auto.
    + intros m Hm. now right.
    + intros j u Hj Hu. left. split; apply vle_refl.
    + intros x Hx. destruct late; auto. destruct Hx as [<-|Hx]; auto. right.
      destruct (G_said _ G g (H1 eq_refl)) as (A & B' & C & D). destruct H0 as (X1 & X2 & X3 & X4). simpl in
        *. rewrite X1.
      splits; auto.
      * intros E. destruct (X4 E) as (Y1 & Y2 & Y3). rewrite Y2, Y3. auto.
  - destruct (settles_keeps _ _ _ H2) as (Er & Et & Eg). cbn [tbl gone add_all rts] in Er, Et, Eg.
    destruct (I_net _ I _ H) as (N1 & N2 & N3 & _ & N4).
    assert (Hv : vle (rts (rms s (g_dst g))) v).
    { eapply take_grows; [|exact H1]. intros r Hr. now apply (I_wf _ I r (N3 r Hr)). }
    apply frame with (s := s) (L := L); auto.
    + intros j k Hj Hk Hs. cbn [rms put]. at_i j (g_dst g); auto. cbn [rts learn with_tbl]. rewrite Er.
        split; [now apply Hv|].
      destruct (take_from _ _ _ _ _ H1 k Hk) as [X|(r & Hr & Ho & X)]; auto. right.
      destruct (G_said _ G g (H0 Hj)) as (_ & _ & _ & D). subst k. destruct (D r Hr Hs) as (u & Hu & Hl).
      exists u. split; auto. simpl in Hl. lia.
    + intros j u Hj Hu. cbn [rms put]. at_i j (g_dst g); [|left; split; apply vle_refl].
      destruct (G_said _ G g (H0 Hj)) as (_ & Fs & C & _). simpl in Fs, C.
      assert (Tu : tget a u = tget (rms s (g_dst g)) u) by (unfold tget; now rewrite Et).
      assert (R : tget (learn a g) u = if g_comp g && vleb nR (g_ts g) (rts a) then
                    vmax nR (if u =? g_src g then vmax nR (tget a u) (g_ts g) else tget a u) (nth u (g_tbl g)
                      []) else tget a u).
      { unfold tget at 1, learn. cbn [tbl with_tbl]. now rewrite nth_map_seq. }
      cbn [gone learn with_tbl rts]. rewrite R, Eg, Tu.
      destruct (g_comp g && vleb nR (g_ts g) (rts a)) eqn:Lc; [|left; split; apply vle_refl].
      apply andb_true_iff in Lc as [Lc Lv]. apply vleb_spec in Lv. destruct (C Lc) as (Tb & Cb). rewrite Tb.
      destruct (Nat.eqb_spec u (g_src g)) as [->|Hn].
      * right; right. splits; auto.
        -- destruct (new (g_src g)) eqn:N; auto. exfalso. apply (T_new _ T) in N as (_ & N). apply N, (G_stay
            _ G _ Fs).
        -- intros k Hk Hs. specialize (Cb k Hk Hs). specialize (Lv k Hk). lia.
      * left. split; [|apply vle_refl]. apply vmax_lub; [apply vle_refl|]. destruct u; apply vle_nil.
  - apply frame with (s := s) (L := L); auto.
    + intros j k Hj Hk Hs. cbn [rms put]. at_i j i; auto.
    + intros j u Hj Hu. cbn [rms put]. left. at_i j i; [|split; apply vle_refl]. split; [apply vle_refl|].
        apply vle_vmax_l.
  - apply frame with (s := s) (L := L); auto.
    + intros j k Hj Hk Hs. cbn [rms put]. at_i j i; auto.
    + intros j u Hj Hu. cbn [rms put]. at_i j i; [|left; split; apply vle_refl]. right; left.
      destruct (row_at_start s i (F i) u I H Hu) as (_ & A & B'). split; [eapply vle_trans; [now apply H0|exact A]|].
      intros N. eapply vle_trans; [now apply H0|]. rewrite B' by auto. apply vle_refl.
  - assert (Sy : forall j, stays (put s i (with_tbl (rms s i) t) []) j <-> stays s j) by (intros j;
      reflexivity).
    assert (Ne : forall u, F u = true -> u <> i) by (intros u Hu ->; congruence).
    assert (Rs : forall j, rts (upd (rms s) i (with_tbl (rms s i) t) j) = rts (rms s j)) by (intros j; at_i
      j i; auto).
    assert (Gs : forall j, gone (upd (rms s) i (with_tbl (rms s i) t) j) = gone (rms s j)) by (intros j;
      at_i j i; auto).
    destruct G as [G1 G2 G3 G4 G5 G6]. simpl in *.
    assert (Lift : forall n k, (exists u, F u = true /\ n <= get (B u) k) ->
              exists u, upd F i true u = true /\ n <= get (upd B i (rts (rms s i)) u) k).
    { intros n k (u & Hu & Hl). exists u. rewrite !upd_neq by auto. auto. }
    constructor; simpl.
    + eapply R_step; eauto.
    + intros j Hj. apply Sy. at_i j i; auto.
    + intros j k Hj Hk Hs. rewrite Sy in Hs. rewrite Rs. at_i j i.
      * split; auto. exists i. now rewrite !upd_eq.
      * destruct (G3 j k Hj Hk Hs). auto.
    + intros g Hg. destruct (G4 g Hg) as (A & B' & C & D). rewrite !upd_neq by auto. splits; auto.
    + intros j k Hj Hk. at_i j i; auto.
      eapply vle_trans; [apply H1, (nR_nM _ (HnR k Hk))|].
      destruct (row_at_start s i true k I (proj1 H) (nR_nM _ (HnR k Hk))) as (_ & _ & X). rewrite X by auto.
        apply vle_refl.
    + intros j u k Hj Hu Hk Hs. rewrite Sy in Hu, Hs. rewrite Rs, Gs. at_i j i.
      * left. eapply vle_trans; [apply H1, Hu|]. apply row_at_start; auto; [apply H|apply Hu].
      * destruct (G6 j u k Hj Hu Hk Hs) as [X|(X & Y)]; auto. right. rewrite !upd_neq by auto. auto.
Qed.

Lemma goes_fits S S' : goes S S' -> GI S -> fits (sys S) -> fits (sys S').
Proof.
  intros H G T. pose proof (reach_inv _ (G_reach _ G)) as I.
  assert (K : forall s s' : st, fits s -> heir s' = heir s -> (forall r, In r (acc s') -> new (r_org r) =
    false) -> fits s').
  { intros s s' [T1 T2 T3 T4] Hh Ha.
    assert (Mm : forall k, member s' k <-> member s k) by (intros k; unfold member; now rewrite Hh).
    constructor; auto.
    - intros k Hk. rewrite Mm. auto.
    - intros i (A & B & C). rewrite Mm in B. now apply T4. }
  destruct H; simpl in *; refine (K s _ T _ _); try assumption; try reflexivity; try apply T.
  - rewrite H1. apply T.
  - simpl. intros r [<-|Hr]; [|now apply T]. simpl. rewrite (me_i s i I) by auto.
    destruct (new i) eqn:N; auto. now apply (T_new _ T) in N as (_ & N).
Qed.

(** ** When all have recorded it *)

(** The greatest of those below [n], and [d], that satisfy [p]. *)
Fixpoint best (f : nat -> nat) (p : nat -> bool) (n d : nat) : nat :=
  match n with
  | 0 => d
  | S m => let u := best f p m d in if p m && (f u <=? f m) then m else u
  end.

Lemma best_is f p n d : p d = true -> p (best f p n d) = true /\ forall i, i < n -> p i = true -> f i <= f
  (best f p n d).
Proof.
  intros Hd. induction n as [|n [A B]]; simpl; [split; [exact Hd|intros; lia]|].
  destruct (p n && (f (best f p n d) <=? f n)) eqn:E.
  - apply andb_true_iff in E as [E1 E2]. apply Nat.leb_le in E2. split; auto. intros i Hi Hp.
    destruct (Nat.eq_dec i n) as [->|]; auto. specialize (B i ltac:(lia) Hp). lia.
  - split; auto. intros i Hi Hp. destruct (Nat.eq_dec i n) as [->|]; [|apply B; auto; lia].
    rewrite Hp in E. simpl in E. apply Nat.leb_gt in E. lia.
Qed.

Definition stayb (s : st) (i : nat) : bool := (i <? nM) && (heir s i =? i) && negb (lost i).
Lemma stayb_spec s i : stayb s i = true <-> stays s i.
Proof.
  unfold stayb, stays, member. rewrite !andb_true_iff, Nat.ltb_lt, Nat.eqb_eq, negb_true_iff. tauto.
Qed.

(** Whose state each place goes on with; [from] is whom a newcomer copies. *)
Definition heirs (S : stage) (from : nat -> nat) (d i : nat) : nat :=
  if stayb (sys S) i then i else if new i then from i else best (fun u => get (had S u) i) (stayb (sys S)) nM d.

Lemma heirs_stay S from d i : stays (sys S) i -> heirs S from d i = i.
Proof. intros Hi. unfold heirs. apply stayb_spec in Hi. now rewrite Hi. Qed.

Lemma heirs_new S from d i : ~ member (sys S) i -> new i = true -> heirs S from d i = from i.
Proof.
  intros Hi Hn. unfold heirs. destruct (stayb (sys S) i) eqn:E; [|now rewrite Hn].
  apply stayb_spec in E. now destruct E as (_ & E & _).
Qed.

Lemma leads_to_GI s0 S : reach s0 -> fits s0 -> leads_to s0 S -> GI S /\ fits (sys S).
Proof.
  intros R0 T0 H. induction H as [|S S' H [G T] H1].
  - split; auto. constructor; simpl; auto; try discriminate; intros g [].
  - split; [now apply goes_GI with (S := S)|now apply goes_fits with (S := S)].
Qed.

Theorem takes_effect s0 S from d :
  reach s0 -> fits s0 -> leads_to s0 S -> may_copy S ->
  stays (sys S) d -> (forall k, new k = true -> stays (sys S) (from k)) ->
  reach (sys S) /\ replaces (sys S) (heirs S from d) new (said S).
Proof.
  intros R0 T0 H Hall Hd Hfrom.
  destruct (leads_to_GI s0 S R0 T0 H) as [G T]. set (s := sys S) in *. pose proof (reach_inv _ (G_reach _ G))
    as I. fold s in I.
  set (src := heirs S from d). split; [apply G|].
  assert (Dec : forall i, stays s i \/ ~ stays s i).
  { intros i. destruct (stayb s i) eqn:E; [left; now apply stayb_spec|right; intros X; apply stayb_spec in X;
    congruence]. }
  assert (Hstay : forall i, stays s i -> src i = i) by (intros i; apply heirs_stay).
  assert (Hnew : forall i, new i = true -> src i = from i).
  { intros i Hi. apply heirs_new; auto. now apply (T_new _ T). }
  assert (Hbest : forall i, ~ stays s i -> new i = false -> stays s (src i) /\
            forall u, stays s u -> get (had S u) i <= get (had S (src i)) i).
  { intros i Hi Hn. unfold src, heirs. fold s. destruct (stayb s i) eqn:E; [now apply stayb_spec in E|rewrite
    Hn].
    destruct (best_is (fun u => get (had S u) i) (stayb s) nM d) as [A B]; [now apply stayb_spec|].
    split; [now apply stayb_spec|]. intros u Hu. apply B; [apply Hu|now apply stayb_spec]. }
  assert (Hsrc : forall i, stays s (src i)).
  { intros i. destruct (Dec i) as [Hi|Hi]; [now rewrite Hstay|].
    destruct (new i) eqn:N; [rewrite Hnew by auto; auto|now apply Hbest]. }
  assert (Hsv : forall i, survivor s src i <-> stays s i).
  { intros i. split.
    - intros (A & B & C). rewrite <- C. apply Hsrc.
    - intros Hi. unfold survivor. splits; [apply Hi|apply Hi|auto]. }
  assert (Zero : forall i k, i < nM -> new k = true -> get (rts (rms s i)) k = 0).
  { intros i k Hi Hk. destruct (T_new _ T k Hk) as (Hr & _). pose proof (I_rts _ I i Hi k Hr).
    destruct (Nat.eq_dec (top s k) 0); [lia|].
    destruct (I_cnt _ I k (top s k) Hr ltac:(lia) (le_n _)) as (r & Ha & Ho & _).
    pose proof (T_none _ T r Ha). congruence. }
  (* The heir of one who does not stay held most when it recorded it, and still does. *)
  assert (Most : forall i k, stays s i -> k < nR -> ~ stays s k -> new k = false ->
            get (rts (rms s i)) k <= get (had S (src k)) k /\ get (had S (src k)) k <= get (rts (rms s (src
              k))) k).
  { intros i k Hi Hk Hs N. destruct (Hbest k Hs N) as (B1 & B2).
    destruct (G_had _ G i k (Hall i Hi) Hk Hs) as (_ & u & Hu & Hl).
    destruct (G_had _ G (src k) k (Hall _ B1) Hk Hs) as (Hm & _).
    specialize (B2 u (G_stay _ G u Hu)). fold s in Hl, Hm. split; lia. }
  constructor.
  - intros i Hi. split; [apply Hsv, Hsrc|]. right. now apply (T_all _ T).
  - intros i j Hi Hj. apply Hsv in Hj. destruct (Dec i) as [Si|Si].
    + rewrite Hstay by auto. apply (I_rts _ I j); auto. apply Hj.
    + destruct (new i) eqn:N; [rewrite (Zero j i) by (auto; apply Hj); lia|]. destruct (Most j i Hj Hi Si N).
        lia.
  - intros i Hi. destruct (T_new _ T i Hi) as (A & B). splits; auto. intros _. apply Zero; auto.
  - intros i k Hi Hk. apply Hsv in Hi. split.
    + intros N. eapply vle_trans; [apply (G_new _ G i k); auto|apply vle_nil].
    + intros HkR Hne. assert (Sk : ~ stays s k) by (intros X; now apply Hne, Hstay).
      destruct (new k) eqn:N; [right; rewrite (Zero (src k) k) by (auto; apply Hsrc); lia|].
      destruct (G_row _ G i (src k) k (Hall i Hi) (Hsrc k) HkR Sk) as [X|(X & Y)]; auto. right.
      destruct (Most (src k) k (Hsrc k) HkR Sk N). fold s in Y. lia.
  - intros g Hg. destruct (G_said _ G g Hg) as (A & B & C & _). splits; auto; [apply Hsv, (G_stay _ G _ B)|].
    intros X. destruct (C X) as (C1 & C2). split; auto. intros i Hi E Hn.
    assert (Si : ~ stays s i) by (intros Y; apply Hstay in Y; congruence).
    destruct (new i) eqn:N; [rewrite (Zero (src i) i) by (auto; apply Hsrc); lia|].
    destruct (Most (src i) i (Hsrc i) Hi Si N). specialize (C2 i Hi Si). rewrite <- E in C2. lia.
Qed.
End Replacement.
