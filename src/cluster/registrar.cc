#include "cluster/registrar.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace vmq::cluster {

Registrar::Registrar(std::string self, RegistrarHost& host, Limits limits)
    : self_(std::move(self)), host_(host), limits_(limits) {}

// Rendezvous hashing: when a node comes or goes only its own ids change hands.
PeerNumber Registrar::coordinator_of(const ClientKey& key) const noexcept {
    const std::uint64_t hash = hash_bytes(key.client_id, hash_bytes(key.mountpoint));
    PeerNumber best = kThisNode;
    std::uint64_t most = hash_bytes(self_, hash);
    for (const auto& [number, name] : peers_) {
        const std::uint64_t weight = hash_bytes(name, hash);
        if (weight <= most) continue;
        most = weight;
        best = number;
    }
    return best;
}

PeerNumber Registrar::number_of(std::string_view name) const noexcept {
    const auto at = std::find_if(peers_.begin(), peers_.end(),
                                 [&](const auto& each) { return each.second == name; });
    return at == peers_.end() ? kThisNode : at->first;
}

void Registrar::peer_up(PeerNumber peer, std::string name, Moment now) {
    if (peers_.contains(peer)) peer_down(peer, now);
    peers_.insert_or_assign(peer, std::move(name));
    // Registrations under way have not asked it: their nodes tell it of them, see `by_all`.
}

void Registrar::peer_down(PeerNumber peer, Moment now) {
    const auto gone = peers_.find(peer);
    if (gone == peers_.end()) return;
    const std::uint64_t hash = hash_bytes(gone->second);
    peers_.erase(gone);
    std::vector<JobNumber> answered;
    std::vector<JobNumber> orphaned;
    for (auto& [number, job] : jobs_) {
        if (job.requester == peer) {
            orphaned.push_back(number);
        } else if (job.running && std::erase(job.asked, peer) > 0) {
            job.participants -= hash;  // it has not let go of it
            if (job.asked.empty()) answered.push_back(number);
        }
    }
    for (const JobNumber number : orphaned) finish(number, RegisterReply::Code::Timeout, now);
    for (const JobNumber number : answered) {
        const auto at = jobs_.find(number);
        if (at != jobs_.end()) finish(number, outcome_of(at->second), now);
    }
    std::vector<std::uint64_t> again;
    for (const auto& [ticket, request] : requests_) {
        if (request.coordinator == peer) again.push_back(ticket);
    }
    for (const std::uint64_t ticket : again) {
        const auto at = requests_.find(ticket);
        if (at != requests_.end()) submit(ticket, at->second, now);
    }
}

void Registrar::request(std::uint64_t ticket, ClientKey key, Purpose purpose, Moment now,
                        Epoch since) {
    request_deadlines_.push_back({now.steady + limits_.request, ticket});
    const auto at =
        requests_.emplace(ticket, Request{std::move(key), purpose, since, kThisNode}).first;
    submit(ticket, at->second, now);
}

void Registrar::submit(std::uint64_t ticket, Request& request, Moment now) {
    request.coordinator = coordinator_of(request.key);
    if (request.coordinator == kThisNode) {
        return enqueue(kThisNode, ticket, request.key, request.purpose, request.since, now);
    }
    frame_.clear();
    append(RegisterRequest{ticket, request.purpose, clock_.last(), request.key, request.since},
           frame_);
    host_.send(request.coordinator, frame_);
}

void Registrar::answer(std::uint64_t ticket, const Registered& outcome) {
    if (requests_.erase(ticket) > 0) host_.registered(ticket, outcome);
}

void Registrar::enqueue(PeerNumber requester, std::uint64_t ticket, ClientKey key, Purpose purpose,
                        Epoch since, Moment now) {
    auto& queue = queues_[joined(key)];
    if (queue.size() > limits_.waiting_per_client || jobs_.size() >= limits_.jobs) {
        if (queue.empty()) queues_.erase(joined(key));
        Job refused;
        refused.requester = requester;
        refused.ticket = ticket;
        return tell(refused, RegisterReply::Code::Busy);
    }
    const JobNumber number = ++last_job_;
    job_deadlines_.push_back({now.steady + limits_.job, number});
    Job& job = jobs_[number];
    job.key = std::move(key);
    job.purpose = purpose;
    job.since = since;
    job.requester = requester;
    job.ticket = ticket;
    queue.push_back(number);
    if (queue.size() == 1) run(number, job, now);
}

void Registrar::run(JobNumber number, Job& job, Moment now) {
    job.running = true;
    job.epoch = clock_.next(now.wall, job.epoch);
    job.asked.clear();
    job.movers.clear();
    job.kept = false;
    job.participants = sum_of_all();
    if (job.requester != kThisNode) job.asked.push_back(kThisNode);
    for (const auto& [peer, name] : peers_) {
        if (peer != job.requester) job.asked.push_back(peer);
    }
    if (job.asked.empty()) return finish(number, RegisterReply::Code::Granted, now);
    const std::string& owner =
        job.requester == kThisNode ? self_ : peers_.find(job.requester)->second;
    const ReleaseRequest request{number, job.epoch, job.purpose, owner, job.key, job.since};
    frame_.clear();
    append(request, frame_);
    for (const PeerNumber peer : job.asked) {
        if (peer != kThisNode) {
            host_.send(peer, frame_);
        } else {
            host_.release(
                {kThisNode, number, job.epoch, job.purpose, job.requester, job.key, job.since});
        }
    }
}

void Registrar::released(const ReleaseOrder& order, ReleaseReply::Code code, Epoch held,
                         Moment now) {
    const ReleaseReply reply{order.job, order.epoch, code, held};
    if (order.asked_by == kThisNode) return on_reply(kThisNode, reply, now);
    if (!peers_.contains(order.asked_by)) return;
    frame_.clear();
    append(reply, frame_);
    host_.send(order.asked_by, frame_);
}

void Registrar::on_reply(PeerNumber from, const ReleaseReply& reply, Moment now) {
    const auto at = jobs_.find(reply.job);
    if (at == jobs_.end()) return;
    Job& job = at->second;
    if (!job.running || job.epoch != reply.epoch || std::erase(job.asked, from) == 0) return;
    if (reply.code == ReleaseReply::Code::Newer) {
        // A clock that is ahead of ours has registered it before. Everybody is asked anew, so that
        // all have let go of the id for the epoch that is granted.
        job.epoch = std::max(job.epoch, reply.held);
        return run(reply.job, job, now);
    }
    if (reply.code == ReleaseReply::Code::Moving) job.movers.push_back(from);
    if (reply.code == ReleaseReply::Code::Kept) job.kept = true;
    if (job.asked.empty()) finish(reply.job, outcome_of(job), now);
}

RegisterReply::Code Registrar::outcome_of(const Job& job) noexcept {
    return job.kept ? RegisterReply::Code::Kept : RegisterReply::Code::Granted;
}

void Registrar::finish(JobNumber number, RegisterReply::Code code, Moment now) {
    const auto at = jobs_.find(number);
    if (at == jobs_.end()) return;
    const Job job = std::move(at->second);
    jobs_.erase(at);
    tell(job, code);
    const auto queue = queues_.find(joined(job.key));
    std::erase(queue->second, number);
    if (queue->second.empty()) {
        queues_.erase(queue);
        return;
    }
    const JobNumber next = queue->second.front();
    if (Job& waiting = jobs_.find(next)->second; !waiting.running) run(next, waiting, now);
}

std::uint64_t Registrar::sum_of_all() const noexcept {
    std::uint64_t sum = hash_bytes(self_);
    for (const auto& [number, name] : peers_) sum += hash_bytes(name);
    return sum;
}

void Registrar::tell(const Job& job, RegisterReply::Code code) {
    if (job.requester == kThisNode) {
        return answer(job.ticket, {code, job.epoch, job.movers, job.participants == sum_of_all()});
    }
    if (!peers_.contains(job.requester)) return;
    RegisterReply reply{job.ticket, code, job.epoch, job.participants, {}};
    for (const PeerNumber mover : job.movers) {
        const auto at = peers_.find(mover);
        if (mover == kThisNode) {
            reply.movers.push_back(self_);
        } else if (at != peers_.end()) {
            reply.movers.push_back(at->second);
        }
    }
    frame_.clear();
    append(reply, frame_);
    host_.send(job.requester, frame_);
}

void Registrar::on_registered(const RegisterReply& reply, Moment now) {
    if (reply.code == RegisterReply::Code::Granted && reply.participants != sum_of_all()) {
        // The coordinator does not reach the nodes that this one does, so that asking it again
        // would change nothing: this node asks itself whoever it reaches. Who has let go already
        // says once more where the session goes.
        const auto at = requests_.find(reply.ticket);
        if (at == requests_.end() || at->second.coordinator == kThisNode) return;
        clock_.start_after(reply.epoch);
        at->second.coordinator = kThisNode;
        return enqueue(kThisNode, reply.ticket, at->second.key, at->second.purpose,
                       at->second.since, now);
    }
    Registered outcome{reply.code, reply.epoch, {}, reply.participants == sum_of_all()};
    for (const std::string& mover : reply.movers) {
        const PeerNumber number = number_of(mover);
        if (number != kThisNode) outcome.movers.push_back(number);
    }
    answer(reply.ticket, outcome);
}

bool Registrar::on_frame(PeerNumber from, const Frame& frame, Moment now) {
    switch (frame.type) {
        case FrameType::Register: {
            RegisterRequest request;
            if (!decode(frame.body, request)) return false;
            heard(request.above);
            enqueue(from, request.ticket, std::move(request.key), request.purpose, request.since,
                    now);
            return true;
        }
        case FrameType::Registered: {
            RegisterReply reply;
            if (!decode(frame.body, reply)) return false;
            on_registered(reply, now);
            return true;
        }
        case FrameType::Release: {
            ReleaseRequest request;
            if (!decode(frame.body, request)) return false;
            heard(request.epoch);
            host_.release({from, request.job, request.epoch, request.purpose,
                           number_of(request.owner), std::move(request.key), request.since});
            return true;
        }
        case FrameType::Released: {
            ReleaseReply reply;
            if (!decode(frame.body, reply)) return false;
            on_reply(from, reply, now);
            return true;
        }
        default:
            return false;
    }
}

TimePoint Registrar::next_deadline() const noexcept {
    TimePoint next = kNever;
    if (!request_deadlines_.empty()) next = request_deadlines_.front().at;
    if (!job_deadlines_.empty()) next = std::min(next, job_deadlines_.front().at);
    return next;
}

void Registrar::tick(Moment now) {
    while (!request_deadlines_.empty()) {
        const Deadline deadline = request_deadlines_.front();
        if (requests_.contains(deadline.number)) {
            if (deadline.at > now.steady) break;
            answer(deadline.number, {RegisterReply::Code::Timeout, {}, {}, true});
        }
        request_deadlines_.pop_front();
    }
    while (!job_deadlines_.empty()) {
        const Deadline deadline = job_deadlines_.front();
        if (jobs_.contains(deadline.number)) {
            if (deadline.at > now.steady) break;
            finish(deadline.number, RegisterReply::Code::Timeout, now);
        }
        job_deadlines_.pop_front();
    }
}

}  // namespace vmq::cluster
