// Registrar: which node has a client id.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "cluster/hybrid_clock.h"
#include "cluster/registrar_codec.h"

namespace vmq::cluster {

/// A member of the cluster as this process numbers them; 0: this node.
enum class PeerNumber : std::uint32_t {};
inline constexpr PeerNumber kThisNode{};

/// What a node knows of a registration that it has asked for. While it waits, others may be given
/// the id; a grant that is older than what was let go came too late.
class Candidacy final {
public:
    /// It has let a registration of this epoch have the id.
    void yield(Epoch epoch) noexcept { yielded_ = std::max(yielded_, epoch); }
    [[nodiscard]] bool may_begin(Epoch granted) const noexcept { return granted > yielded_; }

private:
    Epoch yielded_;
};

/// What becomes of a request.
struct Registered {
    RegisterReply::Code code = RegisterReply::Code::Granted;
    Epoch epoch;
    std::vector<PeerNumber> movers;  // send what they had of the session; Kept: some may, too
    /// Every node that this one reaches has let go of the id. Otherwise they are to be told of the
    /// registration (Claim).
    bool by_all = true;
};

/// This node lets go of a client that another one gets. Leads to Registrar::released().
struct ReleaseOrder {
    PeerNumber asked_by{};  // where the answer goes
    std::uint64_t job = 0;
    Epoch epoch;
    Purpose purpose = Purpose::Resume;
    PeerNumber owner{};  // may have gone by now
    ClientKey key;
    Epoch since = {};  // see RegisterRequest
};

/// What the Registrar does to its surroundings. No call leads back into it.
class RegistrarHost {
public:
    /// A frame for a peer that is up.
    virtual void send(PeerNumber peer, std::string_view frame) = 0;
    virtual void release(ReleaseOrder order) = 0;
    /// The end of request(ticket).
    virtual void registered(std::uint64_t ticket, const Registered& outcome) = 0;

protected:
    ~RegistrarHost() = default;
};

/// A client that connects to a node is registered there first. The coordinator of an id, a running
/// node that its hash chooses, does one registration of it at a time: it asks every other running
/// node to let go of the id, and grants when all have answered. It remembers nothing but what is
/// under way, so there is nothing to be handed over when nodes come and go.
///
/// A node whose coordinator has asked others than the node reaches itself becomes its own
/// coordinator. Nodes that see different members may choose different coordinators, too. Then
/// epochs decide: a node
/// refuses to let go of what is later (ReleaseReply::Newer), and does not begin with a grant that
/// is earlier than what it has let go (Candidacy). And a node that reaches others than those that
/// were asked tells them what was registered (Claim): of two sessions the later one stays.
///
/// Owned and used by the cluster's thread. Does no I/O and reads no clock.
class Registrar final {
public:
    struct Limits {
        Millis job{10'000};      // from a request's arrival at the coordinator
        Millis request{12'000};  // at the asking node
        std::size_t waiting_per_client = 32;
        std::size_t jobs = 200'000;
    };

    Registrar(std::string self, RegistrarHost& host, Limits limits);
    Registrar(std::string self, RegistrarHost& host) : Registrar(std::move(self), host, Limits{}) {}

    /// The peer can be reached, or no longer. Answers that were expected from it do not come.
    void peer_up(PeerNumber peer, std::string name, Moment now);
    void peer_down(PeerNumber peer, Moment now);

    /// For this node: leads to registered(ticket), now or within Limits::request. A ticket is used
    /// once.
    void request(std::uint64_t ticket, ClientKey key, Purpose purpose, Moment now,
                 Epoch since = {});
    /// This node's answer to release(order).
    void released(const ReleaseOrder& order, ReleaseReply::Code code, Epoch held, Moment now);

    /// Of an epoch that others have given: later ones of this node are behind it.
    void heard(Epoch epoch) noexcept { clock_.start_after(epoch); }

    /// Frames of these types from a peer that is up. False: it cannot be read.
    [[nodiscard]] bool on_frame(PeerNumber from, const Frame& frame, Moment now);

    /// When tick() has something to do at the latest.
    [[nodiscard]] TimePoint next_deadline() const noexcept;
    void tick(Moment now);

    /// Registrations that wait for this node as their coordinator, or that it waits for.
    [[nodiscard]] std::size_t under_way() const noexcept { return jobs_.size() + requests_.size(); }

private:
    struct Request {
        ClientKey key;
        Purpose purpose{};
        Epoch since;
        PeerNumber coordinator{};
    };
    struct Job {
        ClientKey key;
        Purpose purpose{};
        Epoch since;
        PeerNumber requester{};
        std::uint64_t ticket = 0;
        Epoch epoch;
        std::vector<PeerNumber> asked;   // who has not answered
        std::uint64_t participants = 0;  // see RegisterReply
        std::vector<PeerNumber> movers;
        bool running = false;
        bool kept = false;  // somebody does not let go of it
    };
    struct Deadline {
        TimePoint at;
        std::uint64_t number;
    };
    using JobNumber = std::uint64_t;

    [[nodiscard]] PeerNumber coordinator_of(const ClientKey& key) const noexcept;
    [[nodiscard]] PeerNumber number_of(std::string_view name) const noexcept;
    void submit(std::uint64_t ticket, Request& request, Moment now);
    void answer(std::uint64_t ticket, const Registered& outcome);
    void enqueue(PeerNumber requester, std::uint64_t ticket, ClientKey key, Purpose purpose,
                 Epoch since, Moment now);
    void run(JobNumber number, Job& job, Moment now);
    void on_reply(PeerNumber from, const ReleaseReply& reply, Moment now);
    void on_registered(const RegisterReply& reply, Moment now);
    [[nodiscard]] static RegisterReply::Code outcome_of(const Job& job) noexcept;
    void finish(JobNumber number, RegisterReply::Code code, Moment now);
    void tell(const Job& job, RegisterReply::Code code);
    [[nodiscard]] std::uint64_t sum_of_all() const noexcept;

    const std::string self_;
    RegistrarHost& host_;
    const Limits limits_;
    HybridClock clock_;
    std::map<PeerNumber, std::string> peers_;  // that are up
    std::unordered_map<std::uint64_t, Request> requests_;
    std::unordered_map<JobNumber, Job> jobs_;
    std::unordered_map<std::string, std::deque<JobNumber>> queues_;  // by key; the first one runs
    std::deque<Deadline> request_deadlines_;
    std::deque<Deadline> job_deadlines_;
    JobNumber last_job_ = 0;
    std::string frame_;  // reused
};

}  // namespace vmq::cluster
