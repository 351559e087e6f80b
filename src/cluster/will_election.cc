#include "cluster/will_election.h"

#include <algorithm>
#include <utility>

#include "cluster/wire.h"

namespace vmq::cluster {

namespace {

constexpr Millis kAskAgain{2000};

bool read(ByteReader& reader, Incarnation& incarnation) {
    std::string_view bytes;
    if (!reader.bytes(incarnation.bytes.size(), bytes)) return false;
    std::copy(bytes.begin(), bytes.end(), incarnation.bytes.begin());
    return true;
}

bool read(ByteReader& reader, Boot& boot) {
    std::uint64_t number = 0;
    if (!reader.u64(number)) return false;
    boot = Boot{number};
    return true;
}

void put(const NodeProcess& process, ByteWriter& body) {
    body.string(process.node);
    body.bytes(bytes_of(process.incarnation));
    body.u64(static_cast<std::uint64_t>(process.boot));
}

bool get(ByteReader& reader, NodeProcess& process) {
    std::string_view node;
    if (!reader.string(node, kLongestNodeName) || !is_valid_node_name(node) ||
        !read(reader, process.incarnation) || !read(reader, process.boot)) {
        return false;
    }
    process.node = node;
    return true;
}

}  // namespace

bool WillElection::vote(const NodeProcess& process, std::string_view candidate, bool gone,
                        const std::function<bool(std::string_view node)>& runs) {
    if (!gone) return false;
    const auto at = promised_.find(process);
    if (at == promised_.end()) {
        if (promised_.size() >= kMostPromises) return false;
        promised_.emplace(process, candidate);
        return true;
    }
    if (at->second == candidate) return true;
    if (runs(at->second)) return false;
    at->second = candidate;
    return true;
}

bool WillElection::stand(const NodeProcess& process, std::string_view self,
                         const std::function<bool(std::string_view node)>& runs, TimePoint now) {
    if (!vote(process, self, true, runs)) {
        candidacies_.erase(process);
        return false;
    }
    Candidacy& candidacy = candidacies_[process];
    candidacy.voters.emplace(self);
    if (now < candidacy.ask_at) return false;
    candidacy.ask_at = now + kAskAgain;
    return true;
}

void WillElection::voted(const NodeProcess& process, std::string voter) {
    const auto at = candidacies_.find(process);
    if (at != candidacies_.end()) at->second.voters.insert(std::move(voter));
}

std::size_t WillElection::votes(const NodeProcess& process) const {
    const auto at = candidacies_.find(process);
    return at == candidacies_.end() ? 0 : at->second.voters.size();
}

void WillElection::forget(const NodeProcess& process) {
    promised_.erase(process);
    candidacies_.erase(process);
}

void append(const WillsVote& vote, std::string& out) {
    FrameWriter frame(FrameType::WillsVote, out);
    put(vote.process, frame.body());
    frame.finish();
}

bool decode(std::string_view body, WillsVote& vote) {
    ByteReader reader(body);
    return get(reader, vote.process) && reader.done();
}

void append(const WillsVoted& voted, std::string& out) {
    FrameWriter frame(FrameType::WillsVoted, out);
    put(voted.process, frame.body());
    frame.body().flag(voted.voted);
    frame.finish();
}

bool decode(std::string_view body, WillsVoted& voted) {
    ByteReader reader(body);
    return get(reader, voted.process) && reader.flag(voted.voted) && reader.done();
}

std::string encode(const WillsDone& done) {
    std::string value;
    ByteWriter writer(value);
    writer.bytes(bytes_of(done.process.incarnation));
    writer.u64(static_cast<std::uint64_t>(done.process.boot));
    writer.varint(done.through);
    writer.varint(done.delay_s);
    return value;
}

bool decode(std::string_view node, std::string_view value, WillsDone& done) {
    ByteReader reader(value);
    done.process.node = node;
    return read(reader, done.process.incarnation) && read(reader, done.process.boot) &&
           reader.varint(done.through) && reader.varint(done.delay_s) && reader.done();
}

}  // namespace vmq::cluster
