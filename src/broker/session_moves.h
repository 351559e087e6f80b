// SessionMoves: sessions of one shard on their way to other nodes, and those that come from there.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "broker/client.h"
#include "broker/late_messages.h"
#include "broker/node_outbox.h"
#include "cluster/move_codec.h"
#include "cluster/registrar.h"
#include "runtime/timer_wheel.h"
#include "store/message_store.h"

namespace vmq::broker {

class Shard;

/// Names the messages of one publisher and topic that one shard has taken in: they come in order,
/// and all of them go to the same nodes, more of them perhaps as time goes by.
[[nodiscard]] inline std::uint64_t stream_of(std::string_view topic, std::uint64_t publisher,
                                             std::uint64_t origin) noexcept {
    return hash_bytes(topic, publisher ^ origin >> 40U);
}

/// Names a client of this shard whose moved state is being stored, among connections: see Reply.
inline constexpr std::uint64_t kMoveBit = 1ULL << 62U;

/// For what other nodes have sent to arrive at the one that a session comes to, whose client waits
/// meanwhile.
inline constexpr Millis kSwitchLimit{2000};

/// A session that goes to another node. Frames leave one after the other, each when the one before
/// is stored there.
struct MoveOut {
    enum class Stage : std::uint8_t {
        Begin,
        Will,
        Subscriptions,
        Exchanges,
        Switch,    // the new owner gets all messages from then on
        Messages,  // until the queue is empty and nothing comes any more
        End,
    };
    std::uint64_t move = 0;
    NodeNumber to{};
    cluster::Epoch epoch;
    Stage stage = Stage::Begin;
    cluster::MoveKind kind{};  // of the frame under way
    std::uint64_t number = 0;  // of the frame under way, or of the last one
    std::string frame;         // under way; empty: none
    bool written = false;      // it was given to a link
    TimePoint resend_at{};
    std::size_t subscriptions = 0;  // told
    std::uint64_t through = 0;      // the frame has messages up to this sequence
    std::vector<std::pair<std::uint64_t, std::uint64_t>> messages;  // sequence and store id
    bool loading = false;
    bool with_will = false;
    /// What was sent here before others knew of the new owner has arrived: it has no subscriptions
    /// any more.
    bool frozen = false;
    std::uint64_t fence = 0;        // ticket
    std::uint32_t fence_waits = 0;  // shards
    TimePoint fence_until{};
    /// Nodes whose messages may come when the session has gone, see LateMessages. If there are any
    /// a second fence is waited for, behind which every shard knows of it.
    std::vector<NodeNumber> absent;
    bool late_known = false;  // the second one is under way
    /// Until then QoS 2 messages of its client may become safe before their packet ids are told.
    TimePoint exchanges_until = kNever;
    std::optional<std::uint64_t> offset;
    /// Later registrations: the session goes on to them from where it is going, unless that node is
    /// away before it is there.
    std::vector<cluster::ReleaseOrder> deferred;
    /// Of messages that came while it moves, and perhaps to the new owner as well.
    struct Origin {
        std::uint64_t origin;
        std::uint64_t publisher;
    };
    boost::unordered_flat_map<std::uint64_t, Origin> origins;  // by sequence
    std::uint64_t count = 0;                                   // messages
    /// Those it had when it was frozen, should it stay after all.
    struct Kept {
        std::string filter;
        mqtt::SubscriptionOptions options;
        std::uint32_t id = 0;
    };
    std::vector<Kept> subscriptions_kept;
};

/// The first message of each publisher and topic that came to an owner of the session directly.
using Streams = boost::unordered_flat_map<std::uint64_t, std::uint64_t>;

struct EarlierOwner {
    std::string node;
    Streams direct;
};
/// What End of `sender` says, in place of what `owners` has: it may come again. False: what nodes
/// do not send.
[[nodiscard]] bool read_owners(cluster::MoveReader& reader, std::string_view sender,
                               std::vector<EarlierOwner>& owners);

/// A session that comes from another node.
struct MoveIn {
    std::uint64_t move = 0;
    NodeNumber from{};
    std::uint32_t from_shard = 0;
    cluster::Epoch epoch;
    std::uint64_t done = 0;  // frames that are stored
    std::uint64_t under_way = 0;
    std::uint64_t offset = 0;  // of sequences: a multiple of what packet ids wrap around at
    bool has_place = false;    // no message of this node's has a sequence that one of those may get
    bool last = false;         // the frame under way is the last one
    bool ended = false;
    bool late = false;         // messages that other nodes have kept for the old owner may come
    bool kept = false;         // it is only there for the sake of these
    bool interrupted = false;  // its sender is away, has called it off or says nothing
    /// It was not here before, and its client has not been let in meanwhile: all that its filters
    /// match goes to the old owner, too, until others know them here.
    bool whole_there = false;
    TimePoint progress{};
    boost::unordered_flat_set<std::uint64_t> origins;  // of messages that the session has got
    std::uint64_t filters = 0;  // ticket of the wait until other nodes know them; 0: none
    /// Other nodes know its filters here, and what they had sent here before has arrived: that was
    /// for other subscribers, and the session got it from the old owner.
    bool switched = false;
    /// Not all of that has arrived: what comes past the old owner may be that.
    bool unfenced = false;
    std::uint64_t fence = 0;        // ticket; 0: none is under way
    std::uint32_t fence_waits = 0;  // shards
    TimePoint fence_until{};
    /// The first one that came past the old owner since then, by publisher and topic. All later
    /// ones do: what the old owner has of them is not needed, and would be in the wrong place.
    Streams direct;
    /// The same of owners before, in their order. What one of them sends after the session has
    /// not come to a later one if it is older than what went past it; if it is not, it has.
    std::vector<EarlierOwner> earlier;
    std::vector<cluster::ReleaseOrder> deferred;  // until it is here
    std::uint64_t count = 0;                      // messages
};

struct ClientMove {
    std::unique_ptr<MoveOut> out;
    std::unique_ptr<MoveIn> in;
};

/// Owned by its shard, used on its thread. A session that moves is at its old owner until all of it
/// is stored at the new one, and a part is deleted there only when it is stored here. Messages keep
/// their order: those that come to the new owner meanwhile are put behind the moved ones, and what
/// has come both ways is known by Message::origin().
class SessionMoves final {
public:
    explicit SessionMoves(Shard& shard);
    SessionMoves(const SessionMoves&) = delete;
    SessionMoves& operator=(const SessionMoves&) = delete;

    [[nodiscard]] static bool going(const Client& client) noexcept {
        return client.move && client.move->out;
    }
    [[nodiscard]] static bool coming(const Client& client) noexcept {
        return client.move && client.move->in && !client.move->in->ended &&
               !client.move->in->interrupted;
    }
    /// And has not gone there again since.
    [[nodiscard]] static bool has_come(const Client& client, NodeNumber from) noexcept {
        return client.move && client.move->in && client.move->in->ended && !client.move->in->kept &&
               client.move->in->from == from && !going(client);
    }
    [[nodiscard]] static bool moving(const Client& client) noexcept {
        return going(client) || coming(client);
    }
    /// Something of it has come lately.
    [[nodiscard]] bool progresses(const Client& client) const noexcept;

    /// Sends the session, whose client is away, to `to`; with a will that waits for its delay, if
    /// the client is not back there. False: that node is not known.
    bool begin(Client& client, NodeNumber to, cluster::Epoch epoch, bool with_will = false);
    /// It goes to another node than `owner`, which can be reached.
    [[nodiscard]] bool is_under_way(const Client& client, NodeNumber owner) const noexcept;
    /// It is on its way to another node, and a later registration wants it. True: it goes there
    /// from here. False: it is that other node's, or has ended. Nothing: that is not certain yet;
    /// the order is answered when it is.
    std::optional<bool> redirect(Client& client, NodeNumber to, cluster::ReleaseOrder& order);
    /// Its client is back here: it does not go.
    void stay(Client& client);
    /// Answers `order` when the session is here.
    void defer(Client& client, cluster::ReleaseOrder order);

    /// A Move or MoveAck of that node.
    void on_frame(NodeNumber from, bool answer, std::string_view body);
    void on_mail(NodeNumber from, bool answer, std::string_view body);
    /// What frame `number` brought is stored.
    void stored(ClientNumber client, std::uint32_t number, bool safe);
    /// True: the ticket was one of these.
    bool filters_known(std::uint64_t ticket);
    void fence_passed(std::uint64_t ticket);
    /// Nodes that were not asked: what they had sent may still come. Before this shard's own
    /// fence_passed().
    void fence_absent(std::uint64_t ticket, const std::vector<NodeNumber>& absent);
    /// More of what it waits for arrives.
    void fence_progresses(std::uint64_t ticket);
    /// Nothing comes from it for now; and it can be reached again.
    void node_away(NodeNumber node);
    void node_back(NodeNumber node) { away_.erase(node); }
    /// A link to it is there.
    void link_up(NodeNumber node);
    /// There are LateMessages: looks whether they have come, again and again.
    void look_for_late();

    /// Whether the client's session does not have this message yet.
    [[nodiscard]] bool is_first(Client& client, const mqtt::Message& message);
    /// The same of one that was kept for an earlier owner.
    [[nodiscard]] bool is_first_late(Client& client, const DeliverSession& deliver);
    void note_stored(Client& client, const queue::Delivery& delivery);

    // Messages that another node sends, see late_routing.cc.
    /// As Shard::route_from_node(). What is too late for a session that has gone goes after it.
    session::Routed route_late(const mqtt::MessageParts& parts, const Reply& reply,
                               NodeNumber from);
    /// For the session of `client_id` alone, if this node has it.
    session::Routed route_to_session(const mqtt::MessageParts& parts, const Reply& reply,
                                     std::string_view client_id, std::uint8_t hops,
                                     NodeNumber from);
    /// Requires that this shard is its home. False: nobody has to wait.
    bool deliver_late(const DeliverSession& deliver);

private:
    [[nodiscard]] bool all_nodes_have_room() const;
    /// To every other member, for each of the sessions: one of them has it, or will. Requires that
    /// all have room.
    void send_after(const mqtt::MessageParts& parts, const std::vector<std::string>& sessions,
                    int hops, const Reply& reply, session::Routed& routed);

    void advance(Client& client);
    [[nodiscard]] cluster::MoveHeader header(const Client& client, MoveOut& out,
                                             cluster::MoveKind kind);
    void write_begin(Client& client, MoveOut& out);
    /// False: none waits.
    bool write_will(Client& client, MoveOut& out);
    bool write_subscriptions(Client& client, MoveOut& out);
    bool write_exchanges(Client& client, MoveOut& out);
    /// Packet ids of messages that are not known to be safe yet.
    [[nodiscard]] std::vector<mqtt::PacketId> unsafe(const Client& client) const;
    /// False: the queue is empty. True: a frame was written, or messages are being loaded.
    bool write_messages(Client& client, MoveOut& out);
    void write_loaded(Client& client, MoveOut& out, std::vector<store::StoredMessage> messages);
    /// The other node does not wait for the rest of it.
    void call_off(const Client& client, MoveOut& out);
    void write_plain(const Client& client, MoveOut& out, cluster::MoveKind kind);
    void send(MoveOut& out);
    void on_ack(NodeNumber from, const cluster::MoveAck& ack);
    void forget_sent(Client& client, MoveOut& out);
    void finish(Client& client);
    /// Leads to fence_passed() once per shard.
    [[nodiscard]] std::uint64_t fence_for(const Client& client);
    void begin_fence(Client& client, MoveOut& out);
    void freeze(Client& client, MoveOut& out);
    void write_end(Client& client, MoveOut& out);

    // Messages that come for sessions that have gone, see session_moves_late.cc.
    /// It is not over when the session has gone.
    void expect_late(const Client& client, const std::vector<NodeNumber>& from);
    /// What has come directly to this node, `in` of the session, and to owners before it.
    static void write_earlier(const MoveIn* in, cluster::MoveWriter& writer);
    void ask_for_late();
    void store_late(const LateMessages::Session& session, std::uint64_t record);
    void forget_stored_late(const std::vector<std::uint64_t>& records);
    /// False: the ticket is another one's.
    bool late_fence_passed(std::uint64_t ticket);
    [[nodiscard]] std::string_view name_of(NodeNumber node) const;
    void keep(const Client& client, MoveIn& in);
    [[nodiscard]] bool is_first_kept(Client& client, const mqtt::Message& message);
    void count_kept(ClientNumber client, std::size_t more);
    void forget_kept(ClientNumber client);

    void on_move(NodeNumber from, std::string_view body);
    [[nodiscard]] bool take(Client& client, MoveIn& in, cluster::MoveKind kind,
                            cluster::MoveReader& reader);
    /// The session is about to end here, all that it had is at another node: what came now would
    /// end with it.
    [[nodiscard]] bool ends_without(const Client& client, NodeNumber from,
                                    cluster::MoveKind kind) const noexcept;
    Client* take_begin(NodeNumber from, const cluster::MoveHeader& header,
                       const cluster::MoveBegin& begin);
    void take_message(Client& client, MoveIn& in, const cluster::MovedMessage& moved);
    void take_will(Client& client, const cluster::MovedWill& moved);
    void acknowledge(const Client& client, const MoveIn& in);
    void switch_over(Client& client, MoveIn& in);
    void arrived(Client& client, MoveIn& in);
    void called_off(Client& client);
    void answer_deferred(MoveIn& in);
    /// Nobody waits for the rest of it any more.
    void interrupt(Client& client);
    /// Looks at them anew.
    void release_all(std::vector<cluster::ReleaseOrder> orders);
    /// False: the session has got it.
    [[nodiscard]] static bool remember_origin(MoveIn& in, std::uint64_t origin,
                                              std::uint64_t publisher);

    void look_at_time();
    void watch(ClientNumber client);

    Shard& shard_;
    boost::unordered_flat_set<ClientNumber> watched_;  // with a move
    boost::unordered_flat_set<NodeNumber> away_;
    std::unordered_map<std::uint64_t, ClientNumber> filter_waits_;  // by ticket
    std::unordered_map<std::uint64_t, ClientNumber> fences_;        // by ticket
    std::uint64_t last_fence_ = 0;
    struct LateFence {
        std::uint64_t ticket = 0;  // 0: none is under way
        std::uint32_t waits = 0;   // shards
        LateMessages::Moment began;
        std::vector<NodeNumber> absent;
        TimePoint until{};
    };
    LateFence late_fence_;
    TimePoint late_reported_at_{};
    /// What is remembered in each MoveIn that is kept. The session may have ended.
    std::map<ClientNumber, std::size_t> kept_;
    std::size_t kept_origins_ = 0;
    runtime::Timer timer_;
    runtime::Timer late_timer_;
};

}  // namespace vmq::broker
