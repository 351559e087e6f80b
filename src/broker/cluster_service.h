// ClusterService: this node among the others of its cluster.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "broker/cluster_facts.h"
#include "broker/cluster_leaving.h"
#include "broker/cluster_peer.h"
#include "broker/cluster_picture.h"
#include "broker/cluster_port.h"
#include "broker/cluster_questions.h"
#include "broker/cluster_registrar.h"
#include "broker/cluster_wills.h"
#include "broker/late_records.h"
#include "broker/netsplit_watch.h"
#include "cluster/connector.h"
#include "cluster/filter_log.h"
#include "cluster/link.h"
#include "metrics/counters.h"
#include "metrics/snapshot.h"
#include "routing/subscription_index.h"
#include "runtime/guarded.h"
#include "runtime/loop_thread.h"
#include "transport/stream_listener.h"
#include "transport/tls_context.h"
#include "transport/tls_options.h"

namespace vmq::broker {

class Broker;

/// One way for other nodes to come in.
struct ClusterListener {
    std::string name = "default";
    transport::ListenOptions where;
    std::optional<transport::TlsOptions> tls_files;    // none: no TLS
    std::shared_ptr<const transport::TlsContext> tls;  // of them
};

struct ClusterOptions {
    std::string node;
    std::string cookie;
    std::vector<ClusterListener> listeners;
    std::shared_ptr<const transport::TlsClientContext> tls;  // for nodes whose listener wants it
    std::size_t outgoing_bytes = 64U << 20U;                 // that may wait for one node
    std::size_t spool_bytes = 1U << 30U;                     // and on disk
    std::uint32_t longest_frame = 64U << 20U;
    cluster::LinkSettings links;
    Millis filters_known_timeout{1000};  // how long a SUBACK waits for other nodes
    config::NetsplitPolicy netsplit_policy = config::NetsplitPolicy::All;
    /// When a node has been away for so long its clients' wills are published; nothing: when it is
    /// removed.
    std::optional<Millis> wills_after{30'000};
    /// Settings of cluster scope and API keys: those that are stored (or none) once during
    /// prepare() by its thread, then what changes, by the cluster's. That must not wait.
    SharedFacts::Tell on_shared_facts = {};
    /// Answers what commands of other nodes ask this one.
    ClusterQuestions::Serve serve_question = {};
};

/// Owned by the program beside the Broker, which outlives it and is stopped before it. Has a thread
/// of its own, so that heartbeats are never behind messages; everything private happens there.
class ClusterService final : private runtime::TurnHandler,
                             private cluster::LinkHandler,
                             private cluster::ConnectorHandler,
                             private routing::FilterObserver,
                             private ClusterPort,
                             private ClusterPeer::Home,
                             private ClusterFacts::Home,
                             private ClusterLeaving::Home,
                             private ClusterWills::Home {
public:
    ClusterService(Broker& broker, ClusterOptions options);
    ~ClusterService() override;
    ClusterService(const ClusterService&) = delete;
    ClusterService& operator=(const ClusterService&) = delete;

    /// Reads what is kept and opens the listeners. Once, when the broker's store has been read and
    /// nobody can connect yet (Broker::before_listening()), so that no client is served as if this
    /// node were alone.
    [[nodiscard]] Result<void> prepare();
    /// Once, after that and Broker::start().
    void start();
    /// Nobody comes in any more; messages still go out while the broker stops.
    void stop_accepting();

    // For whoever gives it turns, see Surroundings::threads.

    /// One turn at the time `now`. True: there may be more to do at once.
    bool turn(TimePoint now) { return loop_.step(turns(), now); }
    [[nodiscard]] runtime::ShardLoop& loop() noexcept { return loop_; }
    /// A connection to the first listener; takes `fd` over.
    void accept(int fd, transport::PeerAddress peer);
    /// What join() does, in a later turn.
    void begin_to_join(std::string name, cluster::NodeAddress at,
                       std::function<void(Result<void>)> done);

    // Any thread but the cluster's and the shards'.

    /// Makes this node a member of the cluster that `name` is in. Errors are those of
    /// `vmq-admin cluster join`.
    [[nodiscard]] Result<void> join(const std::string& name, const cluster::NodeAddress& at);
    /// Takes a node that is away, or this one, out of the cluster.
    [[nodiscard]] Result<void> remove(const std::string& name);
    /// Tells a running member, or this node, to leave with what it has. Ends with the result.
    [[nodiscard]] std::shared_ptr<LeaveWatch> leave(const std::string& name,
                                                    const cluster::LeaveOrder& order,
                                                    LeaveWatch::OnEnd on_end = {});
    /// Called on the cluster's thread when this node has left by leave() and has no more to say.
    /// Before start().
    void on_left(std::function<void()> work) { left_ = std::move(work); }
    /// Of facts and questions, added to `snapshot`.
    void add_metrics(metrics::Snapshot& snapshot) const;
    /// By name, this one included.
    [[nodiscard]] std::vector<ClusterNode> nodes() const;
    void set_netsplit_policy(config::NetsplitPolicy policy);
    /// Tells all nodes, those that join included, of a setting of cluster scope or an API key; no
    /// value takes it back. Returns when this node has stored it, and has told on_shared_facts.
    [[nodiscard]] Result<void> put_shared(cluster::FactKind kind, const std::string& key,
                                          const std::optional<std::string>& value);
    /// Asks other members that run; all of them, or those of `only`. The others are in what is
    /// returned as well. Waits for them as long as `patience`.
    [[nodiscard]] std::vector<NodeAnswer> ask(const std::string& question, Millis patience,
                                              const std::vector<std::string>& only = {});
    /// It reaches others by TLS where they offer it.
    [[nodiscard]] bool has_tls() const noexcept { return has_tls_; }
    /// Loads certificates, keys and revocation lists anew, for links from then on. What cannot be
    /// loaded stays as it is; the log says so. By one thread at a time.
    void reload_tls();
    /// Where it listens; the port as the system chose it. Empty: nowhere. `tls` is left out.
    [[nodiscard]] std::vector<ClusterListener> listeners() const;

private:
    using Done = std::function<void(Result<void>)>;
    struct Joining {
        std::string name;
        cluster::NodeAddress at;
        Done done;
        std::unique_ptr<cluster::Connector> connector;
        std::unique_ptr<cluster::Link> link;
        TimePoint deadline;
        std::uint64_t number = 0;
    };
    /// A link whose other end is not known yet.
    struct Visitor {
        std::unique_ptr<cluster::Link> link;
        std::string expected = {};  // whom it was dialled for; empty: it came in
        cluster::LinkKind kind = cluster::LinkKind::Control;
        ShardId shard = 0;
        std::uint64_t number = 0;  // of those who want to join
    };
    struct FilterWait {
        std::uint64_t number;
        TimePoint deadline;
        ShardId shard;
        std::uint64_t ticket;
    };
    /// In the order in which shards asked.
    struct Mail {
        enum class What : std::uint8_t { Filter, Retained, NotRetained, Wait };
        struct Item {
            What what{};
            std::string mountpoint = {};
            std::string name = {};     // filter or topic that may have changed
            std::uint64_t ticket = 0;  // of who waits
            ShardId shard = 0;
        };
        std::vector<Item> items;
    };
    struct Clearing {
        routing::NodeSlot slot;
        routing::FilterWalk walk;
        NodeNumber node;
    };

    // runtime::TurnHandler
    [[nodiscard]] bool has_mail() const override {
        return mail_waiting_.load(std::memory_order_seq_cst);
    }
    void on_mail() override;
    void on_turn_end() override;

    [[nodiscard]] cluster::LinkHandler& handler() noexcept { return *this; }
    [[nodiscard]] cluster::ConnectorHandler& dialler() noexcept { return *this; }
    [[nodiscard]] ClusterPeer::Home& home() noexcept { return *this; }
    [[nodiscard]] runtime::TurnHandler& turns() noexcept { return *this; }

    // cluster::LinkHandler, of visitors and of the node that is joined
    void on_agreed(cluster::Link& link) override;
    void on_frame(cluster::Link& link, const cluster::Frame& frame) override;
    void on_end(cluster::Link& link, const cluster::LinkEnd& end) override;

    // cluster::ConnectorHandler, of the node that is joined
    void on_connected(cluster::Connector& connector, int fd,
                      transport::PeerAddress address) override;
    void on_dial_failed(cluster::Connector& connector, const std::string& why) override;

    // routing::FilterObserver
    void on_local_change(std::string mountpoint, std::string filter) override;

    // ClusterPort
    [[nodiscard]] bool alone() const noexcept override {
        return alone_.load(std::memory_order_acquire);
    }
    void await_filters(ShardId shard, std::uint64_t ticket) override;
    [[nodiscard]] std::uint32_t view() const noexcept override { return registrar_->view(); }
    [[nodiscard]] cluster::Epoch claims_from() const noexcept override {
        return registrar_->claims_from();
    }
    void register_client(ShardId shard, std::uint64_t ticket, cluster::ClientKey key,
                         cluster::Purpose purpose, cluster::Epoch since) override;
    void offer(cluster::PeerNumber node, cluster::ClientKey key) override;
    [[nodiscard]] std::shared_ptr<const void> tell_will(cluster::LastWill will) override;
    void released(cluster::ReleaseOrder order, cluster::ReleaseReply::Code code,
                  cluster::Epoch held) override;
    void claim(cluster::PeerNumber node, std::vector<cluster::Claim> claims) override;
    void fence(ShardId shard, std::uint64_t ticket) override;
    void on_retained_change(std::string_view mountpoint, std::string_view topic,
                            bool kept) override;

    // ClusterPeer::Home
    [[nodiscard]] Broker& broker() noexcept override { return broker_; }
    [[nodiscard]] cluster::LinkLoop& links() noexcept override { return *links_; }
    [[nodiscard]] const cluster::FilterLog& filter_log() const noexcept override {
        return *filter_log_;
    }
    [[nodiscard]] const cluster::FilterSource& filters() const noexcept override;
    [[nodiscard]] routing::SubscriptionIndex& index() noexcept override;
    [[nodiscard]] Random& random() noexcept override { return random_; }
    [[nodiscard]] std::string_view why_not_dialled(
        const cluster::NodeAddress& address) const override;
    void greet(ClusterPeer& peer, cluster::LinkKind kind, ShardId shard, int fd) override;
    [[nodiscard]] std::optional<routing::NodeSlot> take_slot() override;
    void clear_slot(NodeNumber node, routing::NodeSlot slot) override;
    [[nodiscard]] bool on_peer_frame(ClusterPeer& peer, const cluster::Frame& frame,
                                     bool& readable) override;
    void on_peer_linked(ClusterPeer& peer) override;
    void on_peer_lost(ClusterPeer& peer) override;
    [[nodiscard]] Result<void> on_facts(ClusterPeer& peer, const cluster::Frame& frame) override;
    void on_peer_changed() override { picture_stale_ = true; }
    void slots_mapped(NodeNumber node, std::uint64_t order) override;

    // ClusterFacts::Home
    void send_facts(const cluster::Writer& peer, std::string_view frames) override;
    void on_members_changed() override { members_changed_ = true; }

    [[nodiscard]] ClusterFacts::Home& facts_home() noexcept { return *this; }

    // ClusterLeaving::Home
    [[nodiscard]] bool others_ready() const override;
    [[nodiscard]] std::vector<HandoffTarget> others() const override;
    [[nodiscard]] std::size_t waiting_bytes() const override;
    [[nodiscard]] std::string* output_to(NodeNumber node) override;
    void set_adopts(bool adopts) override { registrar_->set_adopts(adopts); }
    void remove_self(std::function<void()> done) override;
    void on_left() override;

    [[nodiscard]] ClusterLeaving::Home& leaving_home() noexcept { return *this; }

    // ClusterWills::Home
    [[nodiscard]] ClusterFacts& will_facts() override { return *facts_; }
    [[nodiscard]] std::size_t member_count() const override { return peers_.size() + 1; }
    [[nodiscard]] bool serves_alone() const override {
        return netsplit_.policy() == config::NetsplitPolicy::None;
    }

    [[nodiscard]] ClusterWills::Home& wills_home() noexcept { return *this; }
    [[nodiscard]] cluster::NodeProcess this_process() const {
        return {options_.node, local_.incarnation, local_.boot};
    }

    void post(std::function<void()> work);
    void mail(Mail::Item item);
    void note_filter(const std::string& mountpoint, const std::string& filter);
    void tell_who_is_away();
    void forget_strangers();
    void take_late_records(store::WriteBatch& batch);
    [[nodiscard]] std::vector<std::string> stored_names(const std::vector<NodeNumber>& nodes) const;
    [[nodiscard]] Result<void> open_facts();
    [[nodiscard]] cluster::Membership& members() noexcept { return facts_->members(); }
    [[nodiscard]] const cluster::Membership& members() const noexcept { return facts_->members(); }
    [[nodiscard]] cluster::NodeAddress own_address() const;
    [[nodiscard]] Result<void> announce();
    [[nodiscard]] Result<void> open_listeners();
    void on_accept(const ClusterListener& listener, int fd, transport::PeerAddress peer);
    [[nodiscard]] std::optional<cluster::Refusal> judge(const cluster::Hello& peer) const;
    [[nodiscard]] std::unique_ptr<cluster::Link> make_link(const cluster::NodeAddress& at, int fd,
                                                           cluster::Handshake::Purpose purpose);
    void begin_join(std::string name, cluster::NodeAddress at, Done done);
    void dial_to_join();
    void on_join_reply(std::string_view body);
    void finish_join(Result<void> result);
    void admit(cluster::Link& link, std::string_view body);
    void follow_members();
    void begin_leave(const std::string& why);
    void leave_if_told();
    void begin_alone();
    [[nodiscard]] ClusterPeer* find_peer(std::string_view name) noexcept;
    void tell_filters_known();
    void clear_some();
    void look_for_netsplit();
    void paint();
    void tick();

    Broker& broker_;
    ClusterOptions options_;
    const bool has_tls_;
    std::vector<ClusterListener> shown_;  // once started; without contexts
    metrics::ShardMetrics& metrics_;
    NetsplitWatch netsplit_;
    runtime::ShardLoop loop_;
    std::unique_ptr<cluster::LinkLoop> links_;
    Random random_;
    std::shared_ptr<const cluster::CookieKey> key_;
    cluster::LocalNode local_;
    std::unique_ptr<ClusterFacts> facts_;
    std::unique_ptr<cluster::FilterLog> filter_log_;
    std::unique_ptr<cluster::FilterSource> filters_;
    std::unique_ptr<ClusterRegistrar> registrar_;
    std::unique_ptr<ClusterLeaving> departure_;
    std::unique_ptr<ClusterWills> wills_;
    std::function<void()> left_;
    std::unique_ptr<ClusterQuestions> questions_;
    std::map<std::string, std::unique_ptr<ClusterPeer>, std::less<>> peers_;
    std::vector<std::unique_ptr<Visitor>> visitors_;
    std::optional<Joining> joining_;
    std::vector<std::unique_ptr<transport::Acceptor>> acceptors_;
    StoredFilters::ByNode stored_filters_;  // of an earlier process, while members are made
    std::vector<LateRecord> late_records_;  // the same
    ShardSet free_slots_ = 0;
    std::deque<Clearing> clearing_;
    std::deque<FilterWait> filter_waits_;
    std::uint32_t last_node_ = 0;
    std::uint64_t last_visitor_ = 0;
    bool members_changed_ = false;
    /// This node is no member any more, and goes when the others know, or at this time.
    TimePoint leaves_at_ = kNever;
    std::vector<Done> leaving_;
    bool picture_stale_ = true;
    bool started_ = false;
    bool stopping_ = false;
    runtime::Timer ticker_{
        this, [](void* self, TimePoint) { static_cast<ClusterService*>(self)->tick(); }};

    struct Shown {
        FactNumbers facts;
        cluster::Questions::Counters questions;
    };
    runtime::Guarded<Shown> numbers_;  // a moment old

    std::atomic<bool> alone_{true};
    std::atomic<bool> mail_waiting_{false};
    runtime::Guarded<Mail> mail_;
    std::unique_ptr<runtime::LoopThread> thread_;
};

}  // namespace vmq::broker
