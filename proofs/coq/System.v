(** The distributed system: any number of replica managers, any number of front ends, and a network that
    may lose, duplicate and reorder every message (the set of all messages ever sent; a message may be
    delivered any number of times, at any time, or never).

    The steps are more generous than the handlers of [Handlers], which are sequences of them: records run
    in any legal order, gossip goes to anyone at any time and may be cut at will, any part of what may be
    discarded is discarded, a query is answered by anyone at any time. *)
From Coq Require Import List Arith Lia Bool Permutation.
Import ListNotations.
From Chinwag Require Import Vec Core Local.

Section System.
Context {Op Val : Type} {P : Params Op Val}.
Notation vle := (vle nR).
Notation urec := (@urec Op).
Notation rm := (@rm Op Val).

(** Ghost parts [d] and [h] are what a session had seen, and what an answer reflects. *)
Inductive msg :=
| MReq  (q : @req Op)                               (* an update; any replica manager may get it *)
| MRep  (c : cid) (t : vec) (d : list urec)         (* its timestamp there *)
| MGsp  (g : @gsp Op)
| MQry  (c : cid) (prev : vec) (d : list urec)
| MQrep (c : cid) (v : Val) (t : vec) (d h : list urec)
| MTell (t : vec) (d : list urec).                  (* a client talks to another one *)

Record fe := mkfe { fts : vec; fcnt : nat; fdep : list urec (* ghost: what the client has seen *) }.

Record st := mkst {
  rms  : nat -> rm;
  hist : nat -> list urec;        (* ghost: records executed, in order *)
  acc  : list urec;               (* ghost: records made anywhere, newest first *)
  net  : list msg;
  fes  : nat -> fe;
  gdep : cid -> list urec;        (* ghost: what the session had seen when it submitted *)
  gsub : cid -> option (Op * vec);  (* ghost: what was submitted under an identifier *)
  lied : bool;                    (* ghost: has a front end ever claimed what it had not seen, or was anyone
                                     replaced? *)
  heir : nat -> nat }.            (* ghost: a member is its own; of another place, a member that holds most of
                                     what was recorded there *)

Definition upd {A} (f : nat -> A) (i : nat) (x : A) : nat -> A := fun j => if j =? i then x else f j.
Definition updc {A} (f : cid -> A) (c : cid) (x : A) : cid -> A := fun d => if ceqb d c then x else f d.

(** Of the [nM] places, those are members that are their own [heir]. The others are empty yet, or no more. *)
Definition member (s : st) (i : nat) : Prop := heir s i = i.
Definition places (h : nat -> nat) : Prop :=
  forall k, k < nM -> h k < nM /\ h (h k) = h k /\ (h k = k \/ h k < nR).

Definition begin (h : nat -> nat) : st :=
  mkst rm0 (fun _ => []) [] [] (fun _ => mkfe [] 0 []) (fun _ => []) (fun _ => None) false h.
(** All places are members. *)
Definition init : st := begin (fun k => k).

(** Replica manager [i] becomes [a] and executes [l]. *)
Definition put (s : st) (i : nat) (a : rm) (l : list urec) : st :=
  mkst (upd (rms s) i a) (upd (hist s) i (hist s i ++ l)) (acc s) (net s) (fes s) (gdep s) (gsub s)
    (lied s) (heir s).
Definition made (s : st) (r : urec) : st :=
  mkst (rms s) (hist s) (r :: acc s) (net s) (fes s) (gdep s) (gsub s) (lied s) (heir s).
Definition send (s : st) (m : msg) : st :=
  mkst (rms s) (hist s) (acc s) (m :: net s) (fes s) (gdep s) (gsub s) (lied s) (heir s).
(** Front end [f] has now seen what [t] covers. *)
Definition sees (s : st) (f : nat) (t : vec) (d : list urec) : st :=
  mkst (rms s) (hist s) (acc s) (net s)
    (upd (fes s) f (mkfe (vmax nR (fts (fes s f)) t) (fcnt (fes s f)) (d ++ fdep (fes s f))))
    (gdep s) (gsub s) (lied s) (heir s).
(** Front end [f] sends an update as its [n]th request. *)
Definition submit (s : st) (f n : nat) (op : Op) (ack : nat) (prev : vec) (d : list urec) (lie : bool) : st :=
  mkst (rms s) (hist s) (acc s) (MReq (mkreq (f, n) ack prev op) :: net s)
    (upd (fes s) f (mkfe (fts (fes s f)) (S n) (fdep (fes s f))))
    (updc (gdep s) (f, n) d) (updc (gsub s) (f, n) (Some (op, prev))) (lied s || lie) (heir s).

(** What an update's record count is at its origin. *)
Definition top (s : st) (c : nat) : nat := get (rts (rms s c)) c.

(** What replica manager [i] holds of an update. *)
Definition held (s : st) (i : nat) (c : cid) : list urec :=
  filter (fun r => ceqb c (r_cid r)) (hist s i ++ pend (rms s i)).

(** Gossip [g'] is a fragment of [g]: any part of it. Only one that is marked complete says anything of
    what the sender holds, and then no more than [g] does. *)
Definition cut (g g' : @gsp Op) : Prop :=
  g_src g' = g_src g /\ g_dst g' = g_dst g /\ incl (g_log g') (g_log g) /\
  (g_comp g' = true -> g_comp g = true /\ g_ts g' = g_ts g /\ g_tbl g' = g_tbl g).

(** ** Members that lost their state for good are replaced

    [src i] is whose state the place [i] goes on with: a survivor with its own, a newcomer with a copy of a
    survivor's. A lost one is nobody any more; to keep the account, its place gets a copy of a survivor's that
    holds most of its records. What no survivor holds is struck from the account, [kept] says of what not.
    [Replacement] shows that this is what becomes of it when each survivor records it in its own time. *)
Definition survivor (s : st) (src : nat -> nat) (i : nat) : Prop := i < nM /\ member s i /\ src i = i.
Definition fresh_copy (i : nat) (x : rm) : rm :=
  restart (mkrm i (rts x) (vts x) (pend x) (done x) (exec x) (val x) (fin x) (gone x) []).

Section Replace.
Variables (s : st) (src : nat -> nat) (new : nat -> bool) (late : list (@gsp Op)).
Definition kept (r : urec) : bool := r_seq r <=? get (rts (rms s (src (r_org r)))) (r_org r).
Definition only (d : list urec) : list urec := filter kept d.
Definition within (t : vec) : bool := vleb nR t (tab nR (fun k => get (rts (rms s (src k))) k)).

(** What managers said is not heard any more, but for [late]. Who hears of something that is lost knows more
    than there is. *)
Definition after (m : msg) : list msg :=
  match m with
  | MReq q => [MReq q]
  | MRep c t d => [if within t then MRep c t d else MTell t (only d)]
  | MGsp _ => []
  | MQry c prev d => [MQry c prev (only d)]
  | MQrep c v t d h => [if within t then MQrep c v t d h else MTell t (only h)]
  | MTell t d => [MTell t (only d)]
  end.

Definition replaced : st :=
  mkst (fun i => if src i =? i then rms s i else fresh_copy i (rms s (src i))) (fun i => hist s (src i))
    (only (acc s)) (map MGsp late ++ flat_map after (net s))
    (fun f => mkfe (fts (fes s f)) (fcnt (fes s f)) (only (fdep (fes s f)))) (fun c => only (gdep s c)) (gsub s)
    true (fun i => if new i then i else src i).

(** It takes effect when the last survivor has recorded it. The newcomers' places were never used. What
    survivors know then of each other beyond what they discarded, and which of their messages are heard on
    ([late]), was learnt and said with as much as is held now of the records of those who are lost; tables are
    not relayed meanwhile. ([Replacement] shows it of survivors that obey its rules.) *)
Record replaces : Prop := {
  W_src : forall i, i < nM -> survivor s src (src i) /\ (src i = i \/ src i < nR);
  W_most : forall i j, i < nR -> survivor s src j -> get (rts (rms s j)) i <= get (rts (rms s (src i))) i;
  W_new : forall i, new i = true -> i < nM /\ ~ member s i /\ (i < nR -> top s i = 0);
  W_row : forall i k, survivor s src i -> k < nM ->
    (new k = true -> vle (tget (rms s i) k) (gone (rms s i))) /\
    (k < nR -> src k <> k -> vle (tget (rms s i) (src k)) (gone (rms s i)) \/
       get (rts (rms s (src k))) k <= get (rts (rms s i)) k);
  W_late : forall g, In g late -> In (MGsp g) (net s) /\ survivor s src (g_src g) /\ (g_comp g = true ->
    g_tbl g = [] /\
    forall i, i < nR -> src i = g_src g -> i <> g_src g -> get (rts (rms s (src i))) i <= get (g_ts g) i) }.
End Replace.

Inductive step : st -> st -> Prop :=
| S_submit s f n op ack :     (* serials may be skipped, as by a new incarnation; any acknowledgement *)
    fcnt (fes s f) <= n ->
    step s (submit s f n op ack (fts (fes s f)) (fdep (fes s f)) false)
| S_lie s f n op ack prev :   (* a front end that claims to have seen anything *)
    fcnt (fes s f) <= n ->
    step s (submit s f n op ack prev [] true)
| S_forget s f :              (* a front end loses its state, but for the serials *)
    step s (mkst (rms s) (hist s) (acc s) (net s) (upd (fes s) f (mkfe [] (fcnt (fes s f)) []))
              (gdep s) (gsub s) (lied s) (heir s))
| S_accept s i q a l :
    i < nR -> member s i -> In (MReq q) (net s) ->
    known (rms s i) (q_cid q) = false -> plausible (rms s i) q = true ->
    settles (add_all (rms s i) (count (rms s i) (stamp (rms s i) q)) [stamp (rms s i) q]) l a ->
    step s (put (made (send s (MRep (q_cid q) (r_ts (stamp (rms s i) q)) [stamp (rms s i) q]))
                  (stamp (rms s i) q)) i a l)
| S_repeat s i c t :          (* the same update again: the same answer, or a later one *)
    i < nM -> timestamp_of (rms s i) c = Some t ->
    step s (send s (MRep c t (held s i c)))
| S_reply s c t d :
    In (MRep c t d) (net s) -> step s (sees s (fst c) t d)
| S_send s i j v asks relays :
    i < nM -> j < nM -> step s (send s (MGsp (make_gossip (rms s i) j v asks relays)))
| S_cut s g g' :
    In (MGsp g) (net s) -> cut g g' -> step s (send s (MGsp g'))
| S_recv s g v l' l a :
    In (MGsp g) (net s) -> take (g_ts g) (rts (rms s (g_dst g))) (g_log g) = (v, l') ->
    settles (add_all (rms s (g_dst g)) v l') l a ->
    step s (put s (g_dst g) (learn a g) l)
| S_discard s i upto :
    i < nM -> vle upto (prefix (rms s i)) ->
    (forall k, In k (needed (rms s i)) -> member s k -> vle upto (tget (rms s i) k)) ->
    step s (put s i (discard (rms s i) upto) [])
| S_crash s i t :             (* what is known of others afterwards may be less *)
    i < nM -> (forall k, k < nM -> vle (nth k t []) (tget (restart (rms s i)) k)) ->
    step s (put s i (with_tbl (rms s i) t) [])
| S_replace s src new late :  (* all survivors have recorded who is lost, and who is new *)
    replaces s src new late -> step s (replaced s src new late)
| S_copy s i j :              (* the state of [j], which is ahead; later than [S_replace] *)
    i < nM -> j < nR -> member s j -> vle (rts (rms s i)) (rts (rms s j)) ->
    step s (mkst (upd (rms s) i (fresh_copy i (rms s j))) (upd (hist s) i (hist s j)) (acc s) (net s) (fes s)
              (gdep s) (gsub s) (lied s) (heir s))
| S_query s f n :
    step s (send s (MQry (f, n) (fts (fes s f)) (fdep (fes s f))))
| S_ask s f n prev :          (* a query that claims to have seen anything *)
    step s (send s (MQry (f, n) prev []))
| S_answer s i c prev d v t :
    i < nM -> In (MQry c prev d) (net s) -> on_query (rms s i) prev = Some (v, t) ->
    step s (send s (MQrep c v t d (hist s i)))
| S_result s c v t d h :
    In (MQrep c v t d h) (net s) -> step s (sees s (fst c) t h)
| S_tell s f :
    step s (send s (MTell (fts (fes s f)) (fdep (fes s f))))
| S_hear s f t d :
    In (MTell t d) (net s) -> step s (sees s f t d).

Inductive reach : st -> Prop :=
| R_init h : places h -> reach (begin h)
| R_step s s' : reach s -> step s s' -> reach s'.

Lemma reach_init : reach init.
Proof. apply R_init. intros k Hk. auto. Qed.

Inductive steps : st -> st -> Prop :=
| St_refl s : steps s s
| St_step s1 s2 s3 : step s1 s2 -> steps s2 s3 -> steps s1 s3.

Definition received (s : st) (i : nat) (r : urec) : Prop := In r (hist s i) \/ In r (pend (rms s i)).
(** Whose need of records keeps them in the log of [i]. *)
Definition minds (i j : nat) : Prop := i < nR \/ j < nR.
End System.
