// Shard: one core's share of the broker — its connections, clients, and their messages.
#pragma once

#include <array>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/output_buffer.h"
#include "base/random.h"
#include "broker/activity.h"
#include "broker/activity_watch.h"
#include "broker/client.h"
#include "broker/connection.h"
#include "broker/drop_ledger.h"
#include "broker/drop_log.h"
#include "broker/handshake_queue.h"
#include "broker/limits.h"
#include "broker/listener.h"
#include "broker/node_links.h"
#include "broker/node_outbox.h"
#include "broker/pending_writes.h"
#include "broker/rights.h"
#include "broker/rights_questions.h"
#include "broker/session_log.h"
#include "broker/session_walks.h"
#include "broker/shard_message.h"
#include "broker/shared_state.h"
#include "broker/trace.h"
#include "hooks/chain.h"
#include "metrics/counters.h"
#include "routing/local_subscribers.h"
#include "routing/retained_index.h"
#include "routing/subscription_index.h"
#include "runtime/mailbox.h"
#include "runtime/shard_loop.h"
#include "runtime/timer_wheel.h"
#include "session/publish_template.h"
#include "store/message_store.h"
#include "transport/stream_listener.h"

namespace vmq::broker {

class Registrations;
class SessionHandoff;
class SessionMoves;

/// One thread's part of the broker. Constructed and destroyed by the Broker; everything in between
/// happens on the shard's own thread, except post_box() and the counters.
class Shard final : public runtime::TurnHandler {
public:
    /// `start`: the loop's first moment; simulations choose it.
    Shard(ShardId id, SharedState& shared, std::uint64_t seed, TimePoint start = steady_now());
    ~Shard() override;
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    [[nodiscard]] ShardId id() const noexcept { return id_; }
    [[nodiscard]] runtime::ShardLoop& loop() noexcept { return loop_; }
    [[nodiscard]] hooks::Chain& chain() noexcept { return chain_; }
    [[nodiscard]] metrics::ShardMetrics& metrics() noexcept { return metrics_; }
    [[nodiscard]] SharedState& shared() noexcept { return shared_; }
    [[nodiscard]] routing::LocalSubscribers& subscribers() noexcept { return subscribers_; }
    [[nodiscard]] Random& random() noexcept { return random_; }
    [[nodiscard]] TimePoint now() const noexcept { return loop_.now(); }
    [[nodiscard]] std::span<char> read_buffer() noexcept { return read_buffer_; }
    /// For what layers make of what was read, until the next read.
    [[nodiscard]] std::string& plain_buffer() noexcept { return plain_buffer_; }

    /// Accepts on `fd`, which it takes over, for `listener`.
    void listen(Listener& listener, int fd);
    void stop_listening(const Listener& listener);
    /// Sends everybody on `listener` away.
    void disconnect_all(const Listener* listener);
    /// Before the thread starts: clears expired retained messages away, for all shards.
    void sweep_retained_every(Millis interval);
    /// Takes over a connected, non-blocking descriptor as a client of `listener`.
    void on_accept(Listener& listener, int fd, transport::PeerAddress peer);
    /// On the shard's thread: stops accepting and says good-bye to every client. The loop goes on
    /// until the clients of all shards are gone and what they left behind (wills) has arrived, or
    /// `deadline` has passed; then it stops.
    void shut_down(TimePoint deadline);

    /// The mailbox in which shard `from` puts messages for this one.
    [[nodiscard]] runtime::Mailbox<ShardMessage>& post_box(ShardId from) noexcept {
        return *mailboxes_[from];
    }
    /// From any thread: there is mail.
    void notify() noexcept {
        // Ordered with the loop announcing its sleep: one of the two sees the other.
        mail_waiting_.store(true, std::memory_order_seq_cst);
        loop_.wake();
    }

    // Routing, see shard_routing.cc.
    struct Origin {
        std::uint64_t publisher;  // hash of its client, 0: the broker itself
        Reply reply;
        bool remembered = false;  // the publisher's QoS 2 packet id is stored
    };
    session::Routed route(const session::PublishIntent& intent, const Origin& origin);
    /// A message that another node sent for the clients of this one. It is never sent on, and what
    /// is retained comes another way.
    session::Routed route_from_node(mqtt::MessageParts parts, const Reply& reply);
    /// The same for one member of the shared group ("$share/GROUP/FILTER"). If there is none here
    /// any more, it goes to another node, `hops` permitting.
    session::Routed route_group_from_node(mqtt::MessageParts parts, const Reply& reply,
                                          std::string_view group, std::uint8_t hops,
                                          NodeNumber from);
    /// The node does not answer: messages of shared groups that it has not acknowledged go to other
    /// members, if there are any. It may have delivered them.
    void redispatch_groups(NodeNumber number);
    /// Asks for `reply` from every shard, this one too, once all that was routed from here before
    /// is safe there. The number of answers to come.
    std::uint32_t await_published(const Reply& reply);
    /// The connection ends while QoS 2 messages of it are on their way to where they are kept. One
    /// that is refused there must not be remembered as received: it was not, and comes again.
    void keep_unsafe(const Client& client, ConnectionNumber connection,
                     const session::Session& session);
    void publish_will(const Client& client, const session::StoredWill& will);

    // Wills that other nodes know, see shard_wills.cc.
    /// Other nodes publish it if this one dies.
    void tell_will(const Client& client, session::StoredWill& will);
    /// The same for all that came from the store.
    void tell_restored_wills();
    /// Of a client of a node that is gone.
    void publish_last_will(const cluster::LastWill& will);
    /// Others have published it: `told` is what tell_will() got for it.
    void drop_told_will(const cluster::ClientKey& key, const void* told);
    /// They have published those of the process before this one whose delay is at most `delay_s`.
    void drop_restored_wills(std::uint32_t delay_s);

    void confirm(const Reply& reply, bool safe);
    /// Sends what `lane` has waiting, as far as its connection takes it.
    void pump(Client& client, Lane& lane);
    /// Whether pump() would have something to send now.
    [[nodiscard]] bool waits_for(const Lane& lane) const noexcept;
    /// Retained messages for a subscription, sent after its SUBACK as the client takes them.
    void begin_retained(Lane& lane, const mqtt::SubscribeEntry& entry,
                        std::uint32_t subscription_id);
    void end_retained(Lane& lane, std::string_view filter);
    /// For one line: what it leaves out is summed up a second later.
    [[nodiscard]] SessionLog& session_log() noexcept {
        if (!session_log_timer_.running()) start_session_log_timer();
        return session_log_;
    }
    /// Whether a warning may be logged again, and notes that it was.
    [[nodiscard]] bool may_report(TimePoint& last) const noexcept;
    [[nodiscard]] TimePoint& hook_timeout_reported_at() noexcept {
        return hook_timeout_reported_at_;
    }
    /// The client has acknowledged `delivery`, or it was refused: its record may go.
    void forget(Client& client, const queue::Delivery& delivery);
    /// Like forget(), for a message that goes to another queue: its publisher, who may still wait
    /// for the record, waits for both.
    void move_away(Client& client, const queue::Delivery& delivery);
    /// Another member of the group gets each, or `from` gets it back if its session stays, or it is
    /// counted as dropped.
    void redispatch(Client& from, std::vector<queue::Delivery> deliveries);
    void count_drop(Client& client, const queue::Delivery& delivery, hooks::DropReason reason);
    /// A message that `client` does not get, which is the way of the world.
    void count_unhandled(const Client& client, const queue::Delivery& delivery, Undelivered reason);
    [[nodiscard]] DropLedger& drops() noexcept { return drops_; }

    // Other nodes, see shard_nodes.cc. Called in turns of this shard.
    /// Once, before any node is added.
    void start_node_links(cluster::LinkSettings settings, NodeLinks::Lost lost);
    [[nodiscard]] NodeLinks* node_links() noexcept { return node_links_.get(); }
    void add_node(NodeNumber number, NodeOutboxOptions options);
    /// All members have been added that there were in an earlier process: what was kept for others
    /// is given up.
    void forget_outboxes();
    /// A link takes what waits for the node now; or none does any more, and then what has to be
    /// kept goes to disk.
    void node_linked(NodeOutbox& node, bool linked);
    /// The node has taken what this was, or cannot (`safe`).
    void on_forwarded(NodeOutbox& node, const Forwarded& was, bool safe);
    /// It is too large for the node: nobody there will ever have it.
    void on_given_up(NodeOutbox& node, const Forwarded& was);
    /// Which bits of the index stand for the node from now on.
    void set_node_slots(NodeNumber number, ShardSet slots);
    /// What waits for it is given up.
    void remove_node(NodeNumber number);
    /// There are other members: SUBACKs wait until they know of the subscriptions, and they are
    /// told what is retained.
    [[nodiscard]] bool in_company() const noexcept {
        const ClusterPort* cluster = shared_.cluster.load(std::memory_order_acquire);
        return cluster != nullptr && !cluster->alone();
    }
    /// It is not sent to one other node, and counted.
    void drop_for_node(const mqtt::Message& message, Undelivered reason);
    /// How much waits for other nodes, to those who want to know.
    void tell_waiting() const noexcept;
    /// Clients may not do this now because members of the cluster are away. Counts it, and tells
    /// the log now and then.
    [[nodiscard]] bool not_ready_for(ClientAction action);
    /// They do: the SUBACK that was to wait with `ticket` goes out.
    void filters_known(std::uint64_t ticket);
    [[nodiscard]] NodeOutbox* find_node(NodeNumber number) noexcept;

    // What is stored, see shard_store.cc.
    void store_session(Client& client);
    [[nodiscard]] store::SessionId new_session_id() noexcept;
    /// The one that has made it, in this process or an earlier one.
    [[nodiscard]] static ShardId shard_of(store::SessionId session) noexcept {
        return static_cast<ShardId>(static_cast<std::uint64_t>(session) >> 32U & 63U);
    }
    /// Subscribes, or replaces the options of what is there. Nothing: the store refuses it.
    std::optional<routing::LocalSubscribers::Added> subscribe(Client& client,
                                                              const mqtt::SubscribeEntry& entry,
                                                              std::uint32_t subscription_id);
    /// False: there is no such subscription.
    bool unsubscribe(Client& client, std::string_view filter);

    // Rights that end, see shard_rights.cc.
    /// One portion of a check of all subscriptions; the rest follows in later turns.
    void check_rights(const std::shared_ptr<RightsCheck>& check);
    /// The same; true: it was the last one.
    bool check_rights_some(const std::shared_ptr<RightsCheck>& check);
    /// DISCONNECT 0x87 to those who are no longer allowed to be here.
    void disconnect_unwelcome(const Unwelcome& unwelcome, std::string_view why);
    [[nodiscard]] UnwelcomeSessions find_unwelcome(const Unwelcome& unwelcome) const;
    /// Asks the plugins about every subscription of a client again, as `username` if there is one:
    /// what they refuse ends, what they rewrite is rewritten. `done` is called once, now or later.
    using Reauthorized = std::function<void(Reauthorization)>;
    void reauthorize(std::string_view mountpoint, std::string_view client_id,
                     std::optional<std::string> username, const Reauthorized& done);
    [[nodiscard]] hooks::ClientContext client_context(const Client& client) const;

    /// A session of an earlier process. Before the thread starts.
    void restore(store::StoredSession stored);
    /// Clients that wait for what cannot be written now are let in like those that come later.
    void on_store_refusing();
    [[nodiscard]] PendingWrites& writes() noexcept { return writes_; }
    [[nodiscard]] bool durable() const noexcept { return !shared_.store->always_safe(); }
    /// Writes that the client's next answer has to wait for. The position names them.
    template <typename Kind>
    store::WritePosition write(Kind record, PendingWrites::Ack ack = 0) {
        return writes_.add(std::move(record), false, ack);
    }

    // Clients, see shard_clients.cc.
    /// Makes `connection`, whose CONNECT was accepted and whose home this is, the connection of its
    /// client: takes over from an earlier one, resumes or begins the session, sends CONNACK.
    void attach(Connection& connection, session::ConnectPlan plan);
    /// The same once it is certain that no other node has the client.
    void let_in(Connection& connection, session::ConnectPlan plan, cluster::Epoch granted = {});
    [[nodiscard]] Registrations& registrations() noexcept { return *registrations_; }
    [[nodiscard]] SessionMoves& moves() noexcept { return *moves_; }
    [[nodiscard]] SessionHandoff& handoff() noexcept { return *handoff_; }
    /// The connection of `lane` is gone for `cause`.
    void on_disconnected(Client& client, Lane& lane, session::CloseCause cause,
                         std::unique_ptr<session::StoredWill> will);
    void on_client_timer(Client& client, TimePoint now);
    [[nodiscard]] bool is_home(const session::ConnectPlan& plan) const noexcept {
        return home_of(plan.mountpoint, plan.client_id) == id_;
    }
    /// An unused client id whose home is this shard.
    [[nodiscard]] std::string new_client_id(std::string_view mountpoint);
    [[nodiscard]] ShardId home_of(std::string_view mountpoint,
                                  std::string_view client_id) const noexcept {
        return static_cast<ShardId>(
            (client_hash(mountpoint, client_id, shared_.client_seed) >> 32U) % shared_.shards);
    }

    // What operators do, see shard_operator.cc.
    /// Disconnects a client as an administrator; with `cleanup` its session ends as well. False:
    /// there is no such client.
    bool disconnect_client(std::string_view mountpoint, std::string_view client_id, bool cleanup);
    /// The same for up to `count` that are connected and not in `spared`, which is sorted. How many
    /// it were.
    std::size_t disconnect_some(std::size_t count, const std::vector<std::string>& spared,
                                bool cleanup);
    /// Takes a subscription away. False: no such client, or it has not subscribed to that.
    bool unsubscribe_client(std::string_view mountpoint, std::string_view client_id,
                            std::string_view filter, bool tell_plugins);
    /// False: nothing is retained on that topic.
    bool delete_retained(std::string_view mountpoint, std::string_view topic);
    /// Null: it has no session here. Requires that this shard is its home.
    [[nodiscard]] Client* find_client(std::string_view mountpoint, std::string_view client_id);
    [[nodiscard]] Client* find_client(ClientNumber number) noexcept;
    /// Clients of this id in all mountpoints that have clients here. Nothing: there are so many
    /// mountpoints that it is cheaper for the others to look at every client.
    [[nodiscard]] std::optional<std::vector<ClientNumber>> clients_named(
        std::string_view client_id) const;
    /// The traces that run from now on; null: none.
    void set_traces(std::shared_ptr<const Traces> traces) noexcept {
        traces_ = std::move(traces);
        ++trace_number_;
    }
    /// Changes with each list of traces; 0 before the first.
    [[nodiscard]] std::uint32_t trace_number() const noexcept { return trace_number_; }
    [[nodiscard]] const Traces* traces() const noexcept { return traces_.get(); }
    /// `trace` is in the list. The connections of a client that it names, as they are called there.
    [[nodiscard]] std::vector<std::string> begin_trace(const std::shared_ptr<Trace>& trace);
    // Watches on who is busy; a message costs one look at watched() while there are none.
    void begin_watch(WatchNumber number) { watches_.push_back({number, {}}); }
    void end_watch(WatchNumber number);
    /// What was counted for it since the last time.
    [[nodiscard]] ActivityPicture take_activity(WatchNumber number);
    [[nodiscard]] bool watched() const noexcept { return !watches_.empty(); }
    void count_received(const Client& client, std::string_view topic, std::size_t payload);
    void count_sent(const Client& client, std::string_view topic, std::size_t payload);
    [[nodiscard]] SessionWalks& session_walks() noexcept { return session_walks_; }
    [[nodiscard]] store::WallMillis wall(TimePoint at) const noexcept;

    // Connections.
    [[nodiscard]] Connection* find(ConnectionNumber number) noexcept;
    void send(ShardId to, ShardMessage message) {
        ++mail_.sent;
        outboxes_[to].push_back(std::move(message));
    }
    void mark_dirty(Connection& connection) { dirty_.push_back(&connection); }
    void mark_closing(Connection& connection) { closing_.push_back(&connection); }
    void pump_later(Connection& connection) { pump_later_.push_back(connection.number()); }
    [[nodiscard]] bool congested() const noexcept { return congested_; }
    /// The connection's TLS handshake goes on when a turn has time for it.
    void handshake_later(const Connection& connection) {
        handshakes_.push(connection.listener(), connection.number());
    }
    void read_later(Connection& connection) { read_later_.push_back(connection.number()); }
    [[nodiscard]] std::unique_ptr<OutputBuffer> acquire_output();
    void release_output(std::unique_ptr<OutputBuffer> output);

    /// For operators; any thread, a moment's picture.
    [[nodiscard]] std::size_t connection_count() const noexcept {
        return connection_count_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t client_count() const noexcept {
        return client_count_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t subscription_count() const noexcept {
        return subscription_count_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] const metrics::ShardMetrics& counters() const noexcept { return metrics_; }

    // runtime::TurnHandler.
    [[nodiscard]] bool has_mail() const override {
        return mail_waiting_.load(std::memory_order_seq_cst);
    }
    void on_mail() override;
    void on_turn_end() override;

private:
    friend class Registrations;
    friend class SessionHandoff;
    friend class SessionMoves;

    struct ClientHash {
        using is_transparent = void;
        std::size_t operator()(const std::unique_ptr<Client>& client) const noexcept {
            return client->hash;
        }
        struct Key {
            std::string_view mountpoint;
            std::string_view client_id;
            std::uint64_t hash;
        };
        std::size_t operator()(const Key& key) const noexcept { return key.hash; }
    };
    [[nodiscard]] ClientHash::Key key_of(std::string_view mountpoint,
                                         std::string_view client_id) const noexcept {
        return {mountpoint, client_id, client_hash(mountpoint, client_id, shared_.client_seed)};
    }
    struct ClientEqual {
        using is_transparent = void;
        bool operator()(const std::unique_ptr<Client>& a,
                        const std::unique_ptr<Client>& b) const noexcept {
            return a->client_id == b->client_id && a->mountpoint == b->mountpoint;
        }
        bool operator()(const ClientHash::Key& a, const std::unique_ptr<Client>& b) const noexcept {
            return a.client_id == b->client_id && a.mountpoint == b->mountpoint;
        }
        bool operator()(const std::unique_ptr<Client>& a, const ClientHash::Key& b) const noexcept {
            return (*this)(b, a);
        }
    };

    void handle(Deliver& deliver);
    void handle(DeliverShared& deliver);
    void handle(DeliverSession& deliver);
    void handle(Confirm& confirm);
    void settle_unsafe(const Confirm& confirm);
    void handle(MoveConnection& move);
    void handle(MoveMail& mail);
    void handle(FenceMail& mail);

    /// Delivers to the subscribers of one filter.
    void deliver_filter(routing::SubscriptionKey filter, const mqtt::MessagePtr& message);
    void deliver(Client& client, const mqtt::MessagePtr& message,
                 const mqtt::SubscriptionOptions& options, std::uint32_t subscription_id,
                 session::PublishTemplate* shared);
    /// The same of a message that is known not to be there yet.
    void deliver_new(Client& client, const mqtt::MessagePtr& message,
                     const mqtt::SubscriptionOptions& options, std::uint32_t subscription_id,
                     session::PublishTemplate* shared);
    enum class Handed : std::uint8_t { Taken, Dropped, Refused };
    /// Sends or queues. Refused: a shared group's message that another member may have.
    Handed hand_over(Client& client, Lane& lane, queue::Delivery delivery,
                     session::PublishTemplate* shared);
    void send_now(Client& client, Lane& lane, queue::Delivery delivery,
                  session::PublishTemplate* shared);
    void retain(const mqtt::MessagePtr& message);
    /// Around every change of what is retained: other nodes hear of it. True: they wait for it.
    [[nodiscard]] bool begin_retained_change(std::string_view mountpoint, std::string_view topic);
    void end_retained_change(std::string_view mountpoint, std::string_view topic, bool untold,
                             bool changed);
    [[nodiscard]] std::uint64_t new_store_id(mqtt::QoS qos);
    /// See Message::origin(): 24 random bits of this shard, then a number that counts up.
    [[nodiscard]] std::uint64_t new_origin() noexcept {
        if ((++last_origin_ & 0xFF'FFFF'FFFFULL) == 0) last_origin_ = random_.next() << 40U | 1U;
        return last_origin_;
    }
    [[nodiscard]] static bool is_stored(const Client& client, const Lane& lane,
                                        mqtt::QoS qos) noexcept;
    void tell_offline_message(const Client& client, const queue::Delivery& delivery);
    [[nodiscard]] bool has_other_member(const Client& client, std::uint64_t group);
    /// These leave `deliver` without its message when it went on to another shard, and with
    /// `forwarded` when it went on to another node.
    void deliver_shared(DeliverShared& deliver);
    void choose_again(DeliverShared& deliver, ClientNumber except);
    void give_back(DeliverShared& deliver);
    /// What a node has given away goes back to it, whatever `which` says.
    [[nodiscard]] bool send_elsewhere(DeliverShared& deliver, routing::Elsewhere which);
    void drop_shared(const DeliverShared& deliver);
    /// Writes the record of `delivery`, for which the publisher waits. `lazy`: it was sent already.
    void store_message(Client& client, queue::Delivery& delivery, bool lazy);
    void fetch(Client& client);
    void on_loaded(ClientNumber number, std::uint32_t ticket,
                   std::vector<store::StoredMessage> messages);
    template <typename Which>
    std::size_t disconnect_where(Which which, mqtt::ReasonCode reason, session::CloseCause cause,
                                 std::string_view why);
    void restore_will(Client& client, const store::StoredWill& stored);
    void act(std::vector<WhenSafe> actions);
    void send_answer(const WhenSafe& answer);
    /// `at_once`: what could wait a moment as well.
    void hand_over_writes(bool at_once = false);
    /// Of a message of this kind for `matches_`.
    [[nodiscard]] bool refuses(mqtt::QoS qos, bool retain) const noexcept;
    /// Other nodes that `matches_` names.
    struct NodeMatches {
        ShardSet some = 0;     // want the message
        ShardSet keeping = 0;  // those that store it for somebody
        ShardSet groups = 0;   // that are to choose a member of a shared group: node_groups_
    };
    /// Takes them out of `matches_`.
    [[nodiscard]] NodeMatches take_node_matches();
    /// Why one of `nodes`, who would store the message for somebody or choose one of a group for
    /// it, cannot be sent it.
    [[nodiscard]] std::optional<Undelivered> refused_for(
        ShardSet nodes, const session::PublishIntent& intent) const;
    void forward(const mqtt::MessagePtr& message, const NodeMatches& nodes, const Reply& reply,
                 session::Routed& routed);
    /// Who makes sure of a message that a node has to keep.
    enum class Keeper : std::uint8_t {
        Node,  // that node, and this one's disk only if it must
        Disk,  // this node's disk in any case: the reply waits for no other node
    };
    [[nodiscard]] SpoolRecord put_into_spool(NodeOutbox& node, const mqtt::MessagePtr& message,
                                             const GroupRoute* route, PendingWrites::Ack ack);
    /// A message that the node has to keep. Requires NodeOutbox::has_room().
    void forward_kept(NodeOutbox& node, const mqtt::MessagePtr& message,
                      std::shared_ptr<const GroupRoute> route, const Reply& reply,
                      session::Routed& routed, Keeper keeper = Keeper::Node);
    // Outboxes on disk, see shard_spool.cc.
    void adopt_spools(NodeOutbox& node);
    void open_spool(NodeOutbox& node);
    /// Messages in memory that have to be kept get their records.
    void spool_waiting(NodeOutbox& node, bool groups);
    void load_spools();
    /// `reply` is confirmed for each node that has to keep something of what was sent to it and is
    /// not known to have it. Returns how many there are.
    [[nodiscard]] std::uint32_t mark_nodes(const Reply& reply);
    void on_spool_loaded(NodeNumber number, std::vector<store::StoredMessage> messages);
    /// To the node that has been chosen for the group. False: it cannot take it, which is counted.
    bool forward_to_group(const mqtt::MessagePtr& message, const routing::SharedMatch& match,
                          int hops, const Reply& reply, session::Routed& routed,
                          Keeper keeper = Keeper::Node);
    /// One member for a message of a group that was to go to another node.
    void take_back(const mqtt::MessagePtr& message, routing::SharedMatch match, const Reply& reply,
                   const GroupPath& path);
    /// To the clients of this node that `matches_` names; `reply` of answering_ is set.
    void spread(const mqtt::MessagePtr& message, const Reply& reply, bool remembered,
                session::Routed& routed, const GroupPath& path = {});
    [[nodiscard]] TimePoint steady(store::WallMillis at) const noexcept;
    Lane& choose_lane(Client& client);
    void use_settings(Client& client, std::shared_ptr<const session::Settings> settings);
    void pump_retained(Client& client, Lane& lane);
    /// What is retained on the topic of `message` now, or null.
    [[nodiscard]] mqtt::MessagePtr retained_now(const mqtt::Message& message);
    bool send_retained(Client& client, Lane& lane, RetainedStream& stream);

    Client& make_client(std::string_view mountpoint, std::string_view client_id,
                        const session::Settings& settings);
    void end_client(Client& client);
    void expire(Client& client);
    void displace(Client& client, bool clean_start);
    void begin_session(Client& client, Connection& connection, session::ConnectPlan plan,
                       bool session_present, bool discarded);
    void tell_registered(const Client& client, const Connection& connection);
    [[nodiscard]] ConnectionNumber next_connection() noexcept;
    void drop_expired(Client& client, const std::vector<queue::Delivery>& expired);
    void drop_at_attach(Client& client, std::vector<queue::Delivery> dropped);
    void close_lane(Client& client, Lane& lane);
    void restart_client_timer(Client& client);
    void disconnect_by_operator(Client& client, bool cleanup);
    [[nodiscard]] hooks::MessageContext message_context(const Client& client,
                                                        const queue::Delivery& delivery) const;

    void check_rights(const std::shared_ptr<RightsCheck>& check, Client& client);
    /// True: the subscription has ended, or would.
    bool ask_for_right(const std::shared_ptr<RightsCheck>& check, Client& client,
                       const std::string& filter);
    bool end_right(Client& client, const std::string& filter);
    /// Looks at the wills of all its connections, or the one that waits for its delay.
    void check_wills(const std::shared_ptr<RightsCheck>& check, Client& client);
    /// Whether `order` allows it, as far as it answers at once. A plugin that answers later and has
    /// allowed it stays in the right.
    [[nodiscard]] bool allows_will(const Client& client, const session::StoredWill& will,
                                   const hooks::PluginOrder& order);
    /// A will that was allowed by rules that have changed while its connection was on its way here.
    void check_arrived_will(Client& client, Connection& connection);
    /// `connection`: whose it is; null: it waits for its delay.
    void drop_will(Client& client, Connection* connection);
    [[nodiscard]] hooks::PluginOrder those_at_once(hooks::Hook hook,
                                                   const hooks::PluginOrder& order) const;
    /// By the rules of now, if they are no longer those of a check.
    void ask_for_right_again(Client& client, const std::string& filter, const std::string& plugin);
    /// Puts what a plugin has put in the place of a subscription there. False: nothing changes.
    bool rewrite(Client& client, const std::string& filter, const hooks::SubscribeVerdict& verdict);
    /// Whether a session that somebody else has left may be given to this user: he may subscribe to
    /// all it has. Plugins that answer later are not asked.
    [[nodiscard]] bool may_resume(const Client& client, const Connection& connection,
                                  const session::ConnectPlan& plan);
    [[nodiscard]] hooks::PluginOrder everybody() const;
    /// Whom the client's listener asks about subscriptions beside `plugin`.
    [[nodiscard]] hooks::PluginOrder others_for(const Client& client,
                                                std::string_view plugin) const;
    void run_handshakes();
    void sweep_retained();
    void count_not_routed(const session::PublishIntent& intent, const Origin& origin,
                          Undelivered reason);
    /// Warns before the first message is dropped. Called when one was queued.
    void watch_level(Client& client, const Lane& lane);
    void report_drops();
    void start_session_log_timer();
    void report_session_log();
    void log_drops(const DropLog::Report& report) const;
    void commit();
    void close_finished();
    void hand_over_outboxes();
    void flush_dirty();
    void finish_shutdown();
    [[nodiscard]] bool all_quiet() const noexcept;

    const ShardId id_;
    SharedState& shared_;
    runtime::ShardLoop loop_;
    metrics::ShardMetrics metrics_;
    hooks::Chain chain_;
    Random random_;
    routing::LocalSubscribers subscribers_;
    std::vector<char> read_buffer_;
    std::string plain_buffer_;
    Millis sweep_interval_{0};
    runtime::Timer sweep_timer_{
        this, [](void* self, TimePoint) { static_cast<Shard*>(self)->sweep_retained(); }};

    SessionWalks session_walks_{*this};
    RightsQuestions rights_questions_{*this};
    struct ActivityCount {
        WatchNumber number;
        Activity activity;
    };
    std::vector<ActivityCount> watches_;
    std::shared_ptr<const Traces> traces_;
    std::uint32_t trace_number_ = 0;
    boost::unordered_flat_map<std::string, std::size_t> mountpoints_;  // and their clients
    boost::unordered_flat_set<std::unique_ptr<Client>, ClientHash, ClientEqual> clients_;
    boost::unordered_flat_map<ClientNumber, Client*> clients_by_number_;
    boost::unordered_flat_map<ConnectionNumber, std::unique_ptr<Connection>> connections_;
    boost::unordered_flat_map<const Listener*, std::unique_ptr<transport::Acceptor>> acceptors_;
    std::uint64_t next_number_ = 0;

    std::vector<Connection*> dirty_;
    std::vector<Connection*> closing_;
    std::vector<ConnectionNumber> pump_later_;
    std::vector<ConnectionNumber> read_later_;
    HandshakeQueue handshakes_;
    std::vector<std::unique_ptr<OutputBuffer>> spare_outputs_;
    session::PublishTemplate template_;
    routing::MatchResult matches_;
    std::vector<routing::SharedMatch> node_groups_;  // of the same message
    PendingWrites writes_{[this](const Reply& reply, bool safe) { confirm(reply, safe); }};
    /// For whom the writes of the moment are: their publisher's acknowledgement.
    struct Answering {
        Reply reply;
        PendingWrites::Ack ack = 0;  // begun with the first write
    };
    Answering answering_;
    struct Fetch {
        ClientNumber client;
        queue::Queue::Load load;
    };
    std::vector<Fetch> fetches_;  // asked for in this turn
    std::uint64_t next_store_id_ = 0;
    std::uint32_t next_session_ = 0;

    std::vector<std::unique_ptr<NodeOutbox>> nodes_;
    std::vector<store::StoredSession> stored_outboxes_;  // of an earlier process
    bool spools_used_ = false;                           // load_spools() has something to look at
    boost::unordered_flat_map<std::uint64_t, WhenSafe> filter_waits_;  // SUBACKs, by ticket
    std::uint64_t last_filter_wait_ = 0;
    struct Unsafe {
        ClientNumber client;
        struct Message {
            session::AckTicket ticket;
            mqtt::PacketId id;
            std::uint32_t waits;
        };
        std::vector<Message> messages;
    };
    boost::unordered_flat_map<ConnectionNumber, Unsafe> unsafe_;  // of connections that are gone
    std::unique_ptr<NodeLinks> node_links_;                       // null: no cluster
    std::array<NodeOutbox*, kMaxShards> node_by_slot_{};
    std::unique_ptr<Registrations> registrations_;
    std::unique_ptr<SessionMoves> moves_;
    std::unique_ptr<SessionHandoff> handoff_;
    std::uint64_t last_origin_;

    std::vector<std::unique_ptr<runtime::Mailbox<ShardMessage>>> mailboxes_;  // by sender
    std::vector<std::vector<ShardMessage>> outboxes_;                         // by receiver
    std::vector<ShardMessage> inbox_;
    std::atomic<bool> mail_waiting_{false};
    std::atomic<std::size_t> connection_count_{0};
    std::atomic<std::size_t> client_count_{0};
    std::atomic<std::size_t> subscription_count_{0};
    bool congested_ = false;
    TimePoint levels_reported_at_{};
    std::uint32_t levels_reported_ = 0;  // since then
    DropLedger drops_;
    DropLog drop_log_;
    runtime::Timer drop_timer_{
        this, [](void* self, TimePoint) { static_cast<Shard*>(self)->report_drops(); }};
    TimePoint retained_reported_at_{};
    SessionLog session_log_;
    runtime::Timer session_log_timer_{
        this, [](void* self, TimePoint) { static_cast<Shard*>(self)->report_session_log(); }};
    TimePoint hook_timeout_reported_at_{};
    TimePoint commit_reported_at_{};
    /// Messages to and from other shards. Published for the others only while shutting down: what
    /// was sent before it is handed over, what was taken after all it caused was.
    struct Mail {
        std::uint64_t sent = 0;
        std::uint64_t taken = 0;
        std::atomic<std::uint64_t> published_sent{0};
        std::atomic<std::uint64_t> published_taken{0};
    };
    Mail mail_;
    bool drained_ = false;  // counted in SharedState::drained
    bool shutting_down_ = false;
    TimePoint shutdown_deadline_ = kNever;
    // Only has to end the loop's sleep: the turn then sees that the deadline has passed.
    runtime::Timer shutdown_timer_{this, [](void*, TimePoint) {}};
};

}  // namespace vmq::broker
