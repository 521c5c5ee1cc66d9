(** A checker of recorded traces, and that what it accepts is a run of the system. An event is what one
    handler was given, and what it then sent, journalled and held. The checker compares it with the proved
    handler, and looks that nothing is received that was not sent. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec Core Handlers Local System Invariant Preserve Replaced Reachable Theorems Fragments
  Progress Simulation.
From Chinwag Require Import Statement.

Section Trace.
Context {Op Val : Type} {P : Params Op Val}.
Notation mgr := (@mgr Op Val).
Notation work := (@work Op Val).
Notation req := (@req Op).
Notation gsp := (@gsp Op).
Notation urec := (@urec Op).
Notation out := (@out Op Val).
Notation change := (@change Op).
Notation st := (@st Op Val).
Variable same_op : Op -> Op -> bool.

(** ** Equality, up to zeros at the end of timestamps *)

Fixpoint same_list {A} (same : A -> A -> bool) (l k : list A) : bool :=
  match l, k with
  | [], [] => true
  | x :: l', y :: k' => same x y && same_list same l' k'
  | _, _ => false
  end.
Definition same_bool (a b : bool) : bool := if a then b else negb b.
Definition same_ts (u v : vec) : bool := vleb nR u v && vleb nR v u.
Definition same_req (a b : req) : bool :=
  ceqb (q_cid a) (q_cid b) && (q_ack a =? q_ack b) && same_ts (q_prev a) (q_prev b) && same_op (q_op a) (q_op
    b).
Definition same_rec (a b : urec) : bool :=
  (r_org a =? r_org b) && same_ts (r_ts a) (r_ts b) && ceqb (r_cid a) (r_cid b) && (r_ack a =? r_ack b)
  && same_ts (r_prev a) (r_prev b) && same_op (r_op a) (r_op b).
Definition same_gsp (a b : gsp) : bool :=
  (g_src a =? g_src b) && (g_dst a =? g_dst b) && same_list same_rec (g_log a) (g_log b)
  && same_ts (g_ts a) (g_ts b) && same_bool (g_comp a) (g_comp b) && same_bool (g_asks a) (g_asks b)
  && same_list same_ts (g_tbl a) (g_tbl b).
Definition same_refusal (a b : refusal) : bool :=
  match a, b with
  | ReadOnly, ReadOnly | UnknownPast, UnknownPast | Overloaded, Overloaded => true
  | _, _ => false
  end.
(** Of an answer the value is not compared: a trace has what the query made of it. *)
Definition same_out (a b : out) : bool :=
  match a, b with
  | OReply c t, OReply d u => ceqb c d && same_ts t u
  | OAnswer c _ t, OAnswer d _ u => ceqb c d && same_ts t u
  | ORefuse c x, ORefuse d y => ceqb c d && same_refusal x y
  | OGossip g, OGossip h => same_gsp g h
  | OPull j t, OPull k u => (j =? k) && same_ts t u
  | OLost n k, OLost n' k' => (n =? n') && (k =? k')
  | _, _ => false
  end.
Definition same_change (a b : change) : bool :=
  match a, b with
  | CLog t l, CLog u k => same_ts t u && same_list same_rec l k
  | CDiscard t, CDiscard u => same_ts t u
  | _, _ => false
  end.

(** ** Events *)

Inductive input :=
| ISubmit (q : req)               (* a front end issues an update; no manager is involved *)
| IUpdate (q : req)
| IQuery (c : cid) (prev : vec)
| IGossip (g : gsp)
| IPull (from : nat) (t : vec)
| ITimer (to : nat)
| IGiveUp (l : list cid)          (* queries that waited for too long are dropped *)
| IStart.                         (* for the first time, or after a crash *)

Record event := mkevent {
  e_at : nat; e_cfg : cfg; e_in : input;
  e_sent : list out; e_jrnl : list change;
  e_rts : vec; e_vts : vec; e_gone : vec }.     (* the replica afterwards *)

(** What the checker knows. *)
Record trace := mktrace {
  t_mgrs : list mgr;
  t_asked : list req;               (* updates that front ends issued *)
  t_sent : list gsp;
  t_next : lows }.                  (* for each front end, the least serial that it may use *)

Definition fresh (i : nat) : mgr := mkmgr (rm0 i) [] [] 0.
Definition t0 : trace := mktrace (map fresh (seq 0 nM)) [] [] [].
Definition mgr_at (t : trace) (i : nat) : mgr := nth i (t_mgrs t) (fresh i).
Definition put_mgr (i : nat) (m : mgr) (l : list mgr) : list mgr :=
  map (fun k => if k =? i then m else nth k l (fresh k)) (seq 0 nM).

Definition drop_queries (l : list cid) (m : mgr) : mgr :=
  mkmgr (core m) (filter (fun p => negb (memc (fst p) l)) (waiting m)) (owed m) (unsent m).

(** [g] as a fragment of [g0], with the records of [g0]; if it is one. *)
Definition part_of (g g0 : gsp) : option gsp :=
  if (g_src g =? g_src g0) && (g_dst g =? g_dst g0) then
    let pick r := match find (same_rec r) (g_log g0) with Some r0 => [r0] | None => [] end in
    let claim := if g_comp g then g0 else g in
    let g' := mkgsp (g_src g0) (g_dst g0) (flat_map pick (g_log g)) (g_ts claim) (g_comp g) (g_asks g)
                (g_tbl claim) in
    if same_gsp g g' && (negb (g_comp g) || g_comp g0) then Some g' else None
  else None.
Fixpoint sent_before (g : gsp) (l : list gsp) : option gsp :=
  match l with
  | [] => None
  | g0 :: l' => match part_of g g0 with Some g' => Some g' | None => sent_before g l' end
  end.

Fixpoint gossip_in (l : list out) : list gsp :=
  match l with
  | [] => []
  | OGossip g :: l' => g :: gossip_in l'
  | _ :: l' => gossip_in l'
  end.

Definition matches (e : event) (w : work) : bool :=
  same_list same_out (sent w) (e_sent e) && same_list same_change (jrnl w) (e_jrnl e)
  && same_ts (rts (core (now w))) (e_rts e) && same_ts (vts (core (now w))) (e_vts e)
  && same_ts (gone (core (now w))) (e_gone e).

(** What the proved handler does with this input, if it can have arrived. *)
Definition answer_to (t : trace) (e : event) : option work :=
  let m := mgr_at t (e_at e) in
  let C := e_cfg e in
  match e_in e with
  | ISubmit _ => None
  | IUpdate q => match find (same_req q) (t_asked t) with
                 | Some q0 => Some (on_update C m q0)
                 | None => None
                 end
  | IQuery c prev => Some (on_query_message C m c prev)
  | IGossip g => match sent_before g (t_sent t) with
                 | Some g' => if g_dst g' =? e_at e then Some (on_gossip C m g') else None
                 | None => None
                 end
  | IPull j u => if j <? nM then Some (on_pull C m j u) else None
  | ITimer j => if j <? nM then Some (on_gossip_timer C m j) else None
  | IGiveUp l => Some (start (drop_queries l m))
  | IStart => Some (start (on_start C (core m)))
  end.

(** The runs are those in which nobody was replaced. *)
Definition nobody (l : list nat) : bool := match l with [] => true | _ => false end.

Definition check1 (t : trace) (e : event) : option (trace * work) :=
  match e_in e with
  | ISubmit q =>
      let (f, n) := q_cid q in
      if lowof (t_next t) f <=? n then
        Some (mktrace (t_mgrs t) (q :: t_asked t) (t_sent t) (addlow f (S n) (t_next t)), start (fresh 0))
      else None
  | _ =>
      if (e_at e <? nM) && forallb (fun j => j <? nM) (partners (e_cfg e)) && nobody (absent (e_cfg e)) then
        match answer_to t e with
        | Some w =>
            if matches e w then
              Some (mktrace (put_mgr (e_at e) (now w) (t_mgrs t)) (t_asked t)
                      (gossip_in (sent w) ++ t_sent t) (t_next t), w)
            else None
        | None => None
        end
      else None
  end.

Fixpoint check (t : trace) (l : list event) : option trace :=
  match l with
  | [] => Some t
  | e :: l' => match check1 t e with Some (t', _) => check t' l' | None => None end
  end.
Definition accepted (l : list event) : Prop := check t0 l <> None.

(** ** What it means: a run of the system in which the same happens *)

(** The network of [s] holds the input, up to zeros, and [w] is what the handler does with it. *)
Definition handles (s : st) (m : mgr) (e : event) (w : work) : Prop :=
  match e_in e with
  | ISubmit _ => False
  | IUpdate q => exists q0, In (MReq q0) (net s) /\ same_req q q0 = true /\ w = on_update (e_cfg e) m q0
  | IQuery c prev => exists d, In (MQry c prev d) (net s) /\ w = on_query_message (e_cfg e) m c prev
  | IGossip g => exists g', In (MGsp g') (net s) /\ g_dst g' = e_at e /\ same_gsp g g' = true /\
                   w = on_gossip (e_cfg e) m g'
  | IPull j u => w = on_pull (e_cfg e) m j u
  | ITimer j => w = on_gossip_timer (e_cfg e) m j
  | IGiveUp l => w = start (drop_queries l m)
  | IStart => w = start (on_start (e_cfg e) (rms s (e_at e)))
  end.

(** Between [s] and [s'] this happened, and nothing else at any manager. *)
Inductive happened (s : st) (e : event) (s' : st) : Prop :=
| H_submit q : e_in e = ISubmit q -> rms s' = rms s -> hist s' = hist s -> In (MReq q) (net s') ->
    happened s e s'
| H_handled s1 m w :
    steps s s1 -> rms s1 = rms s -> hist s1 = hist s ->
    e_at e < nM -> rms s (e_at e) = core m -> handles s1 m e w -> Sim steps (e_at e) s1 w s' ->
    matches e w = true -> happened s e s'.

Inductive run : st -> list event -> st -> Prop :=
| run_nil s : run s [] s
| run_cons s e s' l s'' : steps s s' -> happened s e s' -> run s' l s'' -> run s (e :: l) s''.

(** ** Soundness *)

Record Knows (t : trace) (s : st) : Prop := {
  K_reach : reach s;
  K_len : length (t_mgrs t) = nM;
  K_all : forall i, member s i;
  K_mgr : forall i, i < nM -> rms s i = core (mgr_at t i) /\ asked s (mgr_at t i);
  K_asked : forall q, In q (t_asked t) -> In (MReq q) (net s);
  K_sent : forall g, In g (t_sent t) -> In (MGsp g) (net s);
  K_next : forall f, fcnt (fes s f) <= lowof (t_next t) f }.

Lemma knows_t0 : Knows t0 init.
Proof.
  constructor; simpl; auto; try easy; [exact reach_init|now rewrite map_length, seq_length|].
  intros i Hi. unfold mgr_at. simpl. rewrite nth_map_seq by assumption. split; auto. intros c p [].
Qed.

Lemma put_mgr_len i m l : length (put_mgr i m l) = nM.
Proof. unfold put_mgr. now rewrite map_length, seq_length. Qed.

Lemma part_cut g g0 g' : part_of g g0 = Some g' -> cut g0 g' /\ same_gsp g g' = true.
Proof.
  unfold part_of. destruct (_ && _); [|discriminate]. set (x := mkgsp _ _ _ _ _ _ _). intros H. destruct
    (same_gsp g x) eqn:E; [|discriminate].
  simpl in H. destruct (negb (g_comp g) || g_comp g0) eqn:F; [|discriminate]. inversion H; subst g'.
  split; auto. unfold cut, x; simpl. splits; auto.
  - intros r Hr. apply in_flat_map in Hr as (y & _ & Hr). destruct (find _ _) as [z|] eqn:Z; [|easy].
    destruct Hr as [<-|[]]. now apply find_some in Z.
  - intros C. rewrite C in *. simpl in F. auto.
Qed.

Lemma sent_before_cut g l g' : sent_before g l = Some g' ->
  same_gsp g g' = true /\ exists g0, In g0 l /\ cut g0 g'.
Proof.
  induction l as [|g0 l IH]; simpl; [discriminate|]. destruct (part_of g g0) as [x|] eqn:E; intros H.
  - inversion H; subst x. apply part_cut in E as [C S]. split; auto. exists g0. split; auto.
  - destruct (IH H) as (S & g1 & I & C). split; auto. exists g1. auto.
Qed.

Lemma gossip_in_sent g l : In g (gossip_in l) -> In (OGossip g) l.
Proof. induction l as [|[] l IH]; simpl; intros H; auto. destruct H as [<-|H]; auto. Qed.

Lemma knows_after t s s1 i w s' : Knows t s -> Knows t s1 -> i < nM -> Sim steps i s1 w s' ->
  Knows (mktrace (put_mgr i (now w) (t_mgrs t)) (t_asked t) (gossip_in (sent w) ++ t_sent t) (t_next t)) s'.
Proof.
  intros K K1 Hi Z. constructor; simpl.
  - eapply steps_reach; [apply K1|apply Z].
  - apply put_mgr_len.
  - intros k. unfold member. rewrite (Z_heir _ _ _ _ _ Z). apply (K_all _ _ K1).
  - intros k Hk. unfold mgr_at; simpl. unfold put_mgr. rewrite nth_map_seq by assumption.
    destruct (Nat.eqb_spec k i) as [->|N].
    + split; [apply Z|]. apply Z.
    + rewrite (Z_rest _ _ _ _ _ Z k N). destruct (K_mgr _ _ K1 k Hk) as [A B]. split; [exact A|].
      intros c p H. destruct (B c p H) as (d & Hd). exists d. now apply (Z_net _ _ _ _ _ Z).
  - intros q H. apply (Z_net _ _ _ _ _ Z), K1, H.
  - intros g H. apply in_app_or in H as [H|H].
    + apply gossip_in_sent in H. apply (Z_sent _ _ _ _ _ Z) in H. exact H.
    + apply (Z_net _ _ _ _ _ Z), K1, H.
  - intros f. rewrite (Z_fes _ _ _ _ _ Z). apply K1.
Qed.

(** A further message in the network is no harm. *)
Lemma knows_send t s m : Knows t s -> step s (send s m) -> Knows t (send s m).
Proof.
  intros K S. constructor; try apply K.
  - eapply R_step; [apply K|exact S].
  - intros i Hi. destruct (K_mgr _ _ K i Hi) as [A B]. split; auto. intros c p H.
    destruct (B c p H) as (d & Hd). exists d. now right.
  - intros q H. right. now apply K.
  - intros g H. right. now apply K.
Qed.

Lemma check1_sound t s e t' w : Knows t s -> check1 t e = Some (t', w) ->
  exists s', steps s s' /\ happened s e s' /\ Knows t' s'.
Proof.
  intros K H. unfold check1 in H. destruct (e_in e) as [q|q|c prev|g|j u|j|cs|] eqn:E.
  { destruct (q_cid q) as [f n] eqn:Q. destruct (lowof (t_next t) f <=? n) eqn:L; [|discriminate].
    apply Nat.leb_le in L. inversion H; subst; clear H. pose proof (K_next _ _ K f) as Hf.
    set (s' := submit s f n (q_op q) (q_ack q) (q_prev q) [] true).
    assert (S : step s s') by (apply S_lie; lia).
    assert (Hq : In (MReq q) (net s')) by (left; f_equal; destruct q; simpl in *; now subst).
    exists s'. splits; [now apply one_step|now apply H_submit with (q := q)|].
    constructor; cbn [t_mgrs t_asked t_sent t_next].
    - eapply R_step; [apply K|exact S].
    - apply K.
    - apply (K_all _ _ K).
    - intros i Hi. destruct (K_mgr _ _ K i Hi) as [A B]. split; auto. intros c p Hc.
      destruct (B c p Hc) as (d & Hd). exists d. now right.
    - intros x [<-|Hx]; [exact Hq|]. right. now apply K.
    - intros x Hx. right. now apply K.
    - intros f'. rewrite lowof_addlow. unfold s', submit, upd. cbn [fes].
      destruct (Nat.eqb_spec f' f) as [->|N]; cbn [fcnt]; [lia|apply K]. }
  all: destruct (e_at e <? nM) eqn:Hi; [|discriminate]; apply Nat.ltb_lt in Hi; simpl in H.
  all: destruct (forallb _ _) eqn:HC; [|discriminate]; rewrite forallb_forall in HC; simpl in H.
  all: destruct (absent (e_cfg e)) eqn:HA; [|discriminate]; simpl in H.
  all: assert (HA' : forall (s' : st) k, In k (absent (e_cfg e)) -> ~ member s' k) by (rewrite HA; intros s' k []).
  all: assert (HC' : forall j, In j (partners (e_cfg e)) -> j < nM) by (intros k Hk; now apply Nat.ltb_lt, HC).
  all: destruct (answer_to t e) as [x|] eqn:A; [|discriminate].
  all: destruct (matches e x) eqn:M; [|discriminate]; inversion H; subst; clear H.
  all: unfold answer_to in A; rewrite E in A.
  all: destruct (K_mgr _ _ K _ Hi) as [Em Ea]; set (m := mgr_at t (e_at e)) in *.
  (* The input comes to be in the network of [s1]; the handler leads on from there. *)
  all: assert (Go : forall s1, steps s s1 -> rms s1 = rms s -> hist s1 = hist s -> Knows t s1 ->
         handles s1 m e w -> (exists s', Sim steps (e_at e) s1 w s') ->
         exists s', steps s s' /\ happened s e s' /\ Knows (mktrace (put_mgr (e_at e) (now w) (t_mgrs t))
           (t_asked t) (gossip_in (sent w) ++ t_sent t) (t_next t)) s')
    by (intros s1 S1 R1 H1 K1 Hh (s' & Z); exists s'; splits;
        [eapply steps_trans; [exact S1|apply Z]|now apply H_handled with (s1 := s1) (m := m) (w := w)|
         now apply knows_after with (s := s) (s1 := s1)]).
  all: unfold handles in Go; rewrite E in Go.
  - destruct (find _ _) as [q0|] eqn:F; [|discriminate]. inversion A; subst w. apply find_some in F as [F S].
    apply (Go s); auto; [constructor|exists q0; splits; auto; now apply K|].
    apply update_is_steps; auto; try apply K; try exact F.
  - inversion A; subst w. set (s1 := send s (MQry c prev [])).
    assert (S1 : step s s1) by (destruct c; apply S_ask).
    assert (K1 : Knows t s1) by now apply knows_send.
    destruct (K_mgr _ _ K1 _ Hi) as [Em1 Ea1]. fold m in Em1, Ea1.
    apply (Go s1); auto; [now apply one_step|exists []; split; auto; now left|].
    apply query_is_steps with (d := []); auto; solve [exact (K_reach _ _ K1)|now left].
  - destruct (sent_before g (t_sent t)) as [g'|] eqn:F; [|discriminate].
    destruct (g_dst g' =? e_at e) eqn:D; [|discriminate]. apply Nat.eqb_eq in D. inversion A; subst w.
    apply sent_before_cut in F as (S & g0 & I0 & C). apply K in I0. set (s1 := send s (MGsp g')).
    assert (S1 : step s s1) by (now apply S_cut with (g := g0)).
    assert (K1 : Knows t s1) by now apply knows_send.
    destruct (K_mgr _ _ K1 _ Hi) as [Em1 Ea1]. fold m in Em1, Ea1.
    apply (Go s1); auto; [now apply one_step|exists g'; splits; auto; now left|].
    apply gossip_is_steps; auto; solve [exact (K_reach _ _ K1)|now left].
  - destruct (j <? nM) eqn:J; [|discriminate]. apply Nat.ltb_lt in J. inversion A; subst w.
    apply (Go s); auto; [constructor|]. apply pull_is_steps; auto; apply K.
  - destruct (j <? nM) eqn:J; [|discriminate]. apply Nat.ltb_lt in J. inversion A; subst w.
    apply (Go s); auto; [constructor|]. apply timer_is_steps; auto; apply K.
  - inversion A; subst w. apply (Go s); auto; [constructor|]. exists s.
    apply sim_start; auto; [constructor|]. intros c p Hc. apply filter_In in Hc as [Hc _]. now apply Ea.
  - inversion A; subst w. rewrite <- Em in Go |- *. apply (Go s); auto; [constructor|].
    apply start_is_steps; auto.
Qed.

(** An accepted trace is a run, each of whose states can be reached; so all that is proved holds of it. *)
Theorem check_sound l : accepted l -> exists s, run init l s /\ reach s.
Proof.
  assert (G : forall l t s, Knows t s -> check t l <> None -> exists s', run s l s' /\ reach s').
  { clear l. induction l as [|e l IH]; simpl; intros t s K H; [exists s; split; [constructor|apply K]|].
    destruct (check1 t e) as [[t' w]|] eqn:E; [|easy].
    destruct (check1_sound _ _ _ _ _ K E) as (s1 & S & Hp & K1). destruct (IH _ _ K1 H) as (s2 & R2 & R).
    exists s2. split; auto. now apply run_cons with (s' := s1). }
  intros H. exact (G l t0 init knows_t0 H).
Qed.

Lemma run_steps s l s' : run s l s' -> reach s -> reach s'.
Proof. induction 1; intros R; auto. apply IHrun. eapply steps_reach; eauto. Qed.

(** After each event of it, at every manager. *)
Theorem accepted_is_correct l l' : accepted (l ++ l') ->
  exists s, run init l s /\ (forall i, i < nM -> Correct s i) /\ Answered s /\ Convergent s.
Proof.
  intros H. assert (A : accepted l).
  { unfold accepted in *. revert H. generalize t0. induction l as [|e l IH]; simpl; intros t H; [easy|].
    destruct (check1 t e) as [[t' w]|]; auto. }
  destruct (check_sound l A) as (s & R & Rs). exists s. split; auto. now apply safety.
Qed.
End Trace.
