(** An executable semantics and a verified trace checker: a recorded trace that the checker
    accepts is a run of the system, so every theorem of [Theorems] holds of it. *)
From Coq Require Import List Arith Lia Bool.
Import ListNotations.
From Chinwag Require Import Vec Core Local System Invariant Theorems.

Section Exec.
Context {Op Val : Type} {P : Params Op Val}.
Notation st := (@st Op Val).
Notation msg := (@msg Op Val).

(** Messages are named by their position in the order of sending. *)
Inductive event :=
| ESubmit (f : nat) (op : Op)
| ERequest (i n : nat)
| EAck (n : nat)
| ESend (i j : nat)
| ERecv (n : nat)
| EGc (i : nat)
| ECrash (i : nat)
| EEgc (i : nat)
| ELow (i f n : nat)
| EQuery (f : nat)
| EAnswer (i n : nat)
| EResult (n : nat).

Definition nthmsg (s : st) (n : nat) : option msg :=
  if n <? length (net s) then nth_error (net s) (length (net s) - 1 - n) else None.

Definition exec (s : st) (e : event) : option st :=
  match e with
  | ESubmit f op => Some (mkst (rms s) (hist s) (acc s)
      (MReq f (mkreq (f, fcnt (fes s f)) op (fts (fes s f))) :: net s)
      (upd (fes s) f (mkfe (fts (fes s f)) (S (fcnt (fes s f))) (fdep (fes s f))))
      (updc (gdep s) (f, fcnt (fes s f)) (fdep (fes s f)))
      (updc (gsub s) (f, fcnt (fes s f)) (Some (op, fts (fes s f)))))
  | ERequest i n =>
      match nthmsg s n with
      | Some (MReq f q) =>
          if i <? nR then
            let '(a, l, o) := on_request (rms s i) q in
            Some (mkst (upd (rms s) i a) (upd (hist s) i (hist s i ++ l))
              (if known (rms s i) (q_cid q) then acc s else stamp (rms s i) q :: acc s)
              (match o with Some r => MRep f r :: net s | None => net s end) (fes s) (gdep s) (gsub s))
          else None
      | _ => None
      end
  | EAck n =>
      match nthmsg s n with
      | Some (MRep f r) => Some (mkst (rms s) (hist s) (acc s) (net s)
          (upd (fes s) f (mkfe (vmax nR (fts (fes s f)) (r_ts r)) (fcnt (fes s f)) (r :: fdep (fes s f))))
          (gdep s) (gsub s))
      | _ => None
      end
  | ESend i j =>
      if (i <? nR) && (j <? nR) then
        Some (mkst (rms s) (hist s) (acc s) (MGsp (make_gossip (rms s i) j) :: net s) (fes s) (gdep s) (gsub s))
      else None
  | ERecv n =>
      match nthmsg s n with
      | Some (MGsp g) =>
          let '(a, l) := on_gossip (rms s (g_dst g)) g in
          Some (mkst (upd (rms s) (g_dst g) a) (upd (hist s) (g_dst g) (hist s (g_dst g) ++ l))
            (acc s) (net s) (fes s) (gdep s) (gsub s))
      | _ => None
      end
  | EGc i => if i <? nR then
        Some (mkst (upd (rms s) i (gc (rms s i))) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s)) else None
  | ECrash i => if i <? nR then
        Some (mkst (upd (rms s) i (crash (rms s i))) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s)) else None
  | EEgc i => if i <? nR then
        Some (mkst (upd (rms s) i (egc (rms s i))) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s)) else None
  | ELow i f n => if i <? nR then
        Some (mkst (upd (rms s) i (raise (rms s i) f n)) (hist s) (acc s) (net s) (fes s) (gdep s) (gsub s)) else None
  | EQuery f => Some (mkst (rms s) (hist s) (acc s) (MQry f (fts (fes s f)) (fdep (fes s f)) :: net s)
        (fes s) (gdep s) (gsub s))
  | EAnswer i n =>
      match nthmsg s n with
      | Some (MQry f prev d) =>
          if i <? nR then
            match on_query (rms s i) prev with
            | Some (v, t) => Some (mkst (rms s) (hist s) (acc s) (MQrep f v t d (hist s i) :: net s)
                (fes s) (gdep s) (gsub s))
            | None => None
            end
          else None
      | _ => None
      end
  | EResult n =>
      match nthmsg s n with
      | Some (MQrep f v t d h) => Some (mkst (rms s) (hist s) (acc s) (net s)
          (upd (fes s) f (mkfe (vmax nR (fts (fes s f)) t) (fcnt (fes s f)) (h ++ fdep (fes s f))))
          (gdep s) (gsub s))
      | _ => None
      end
  end.

Lemma nthmsg_in s n m : nthmsg s n = Some m -> In m (net s).
Proof. unfold nthmsg. destruct (n <? length (net s)); [|discriminate]. apply nth_error_In. Qed.

Theorem exec_sound s e s' : exec s e = Some s' -> step s s'.
Proof.
  destruct e; simpl; intros H.
  - inversion H; subst. constructor.
  - destruct (nthmsg s n) as [[]|] eqn:E; try discriminate. apply nthmsg_in in E.
    destruct (i <? nR) eqn:L; [|discriminate]. apply Nat.ltb_lt in L.
    destruct (on_request (rms s i) q) as [[a l] o] eqn:O. inversion H; subst. now constructor.
  - destruct (nthmsg s n) as [[]|] eqn:E; try discriminate. apply nthmsg_in in E.
    inversion H; subst. now constructor.
  - destruct (i <? nR) eqn:L1, (j <? nR) eqn:L2; try discriminate.
    apply Nat.ltb_lt in L1. apply Nat.ltb_lt in L2. inversion H; subst. now constructor.
  - destruct (nthmsg s n) as [[]|] eqn:E; try discriminate. apply nthmsg_in in E.
    destruct (on_gossip (rms s (g_dst g)) g) as [a l] eqn:O. inversion H; subst. now constructor.
  - destruct (i <? nR) eqn:L; [|discriminate]. apply Nat.ltb_lt in L. inversion H; subst. now constructor.
  - destruct (i <? nR) eqn:L; [|discriminate]. apply Nat.ltb_lt in L. inversion H; subst. now constructor.
  - destruct (i <? nR) eqn:L; [|discriminate]. apply Nat.ltb_lt in L. inversion H; subst. now constructor.
  - destruct (i <? nR) eqn:L; [|discriminate]. apply Nat.ltb_lt in L. inversion H; subst. now constructor.
  - inversion H; subst. constructor.
  - destruct (nthmsg s n) as [[]|] eqn:E; try discriminate. apply nthmsg_in in E.
    destruct (i <? nR) eqn:L; [|discriminate]. apply Nat.ltb_lt in L.
    destruct (on_query (rms s i) prev) as [[v t]|] eqn:O; [|discriminate]. inversion H; subst.
    now apply S_answer with (prev := prev).
  - destruct (nthmsg s n) as [[]|] eqn:E; try discriminate. apply nthmsg_in in E.
    inversion H; subst. now apply S_result with (v := v) (t := t) (d := d) (h := h).
Qed.

(** A trace entry is an event with what was observed at the replica it touched. *)
Section Check.
Context {Obs : Type}.
Variable observe : st -> event -> Obs.
Variable obs_eqb : Obs -> Obs -> bool.

Fixpoint check (s : st) (t : list (event * Obs)) : bool :=
  match t with
  | [] => true
  | (e, o) :: t' =>
      match exec s e with
      | Some s' => obs_eqb (observe s' e) o && check s' t'
      | None => false
      end
  end.

(** States visited by a trace. *)
Fixpoint visits (s : st) (t : list (event * Obs)) : list (st * event * Obs) :=
  match t with
  | [] => []
  | (e, o) :: t' => match exec s e with Some s' => (s', e, o) :: visits s' t' | None => [] end
  end.

Theorem check_sound t : check init t = true ->
  length (visits init t) = length t /\
  forall s e o, In (s, e, o) (visits init t) -> reach s /\ obs_eqb (observe s e) o = true.
Proof.
  assert (G : forall t s, reach s -> check s t = true -> length (visits s t) = length t /\
    forall s' e o, In (s', e, o) (visits s t) -> reach s' /\ obs_eqb (observe s' e) o = true).
  { clear t. induction t as [|[e o] t IH]; simpl; intros s R H; [split; auto; intros ? ? ? []|].
    destruct (exec s e) as [s1|] eqn:E; [|discriminate].
    apply andb_true_iff in H as [H1 H2].
    assert (R1 : reach s1) by (eapply R_step; eauto; eapply exec_sound; eauto).
    destruct (IH s1 R1 H2) as [A B]. split; [simpl; now rewrite A|].
    intros s' e' o' [Heq|Hin]; [inversion Heq; subst; auto|eauto]. }
  apply G. constructor.
Qed.
End Check.

Fixpoint run (s : st) (t : list event) : option st :=
  match t with [] => Some s | e :: t' => match exec s e with Some s' => run s' t' | None => None end end.
Lemma run_reach t : forall s s', reach s -> run s t = Some s' -> reach s'.
Proof.
  induction t as [|e t IH]; simpl; intros s s' R H; [now inversion H; subst|].
  destruct (exec s e) eqn:E; [|discriminate]. eapply IH; [|exact H].
  eapply R_step; eauto. eapply exec_sound; eauto.
Qed.
End Exec.
