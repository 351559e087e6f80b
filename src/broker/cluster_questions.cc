#include "broker/cluster_questions.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "broker/peer_numbers.h"

namespace vmq::broker {

using cluster::PeerNumber;

void ClusterQuestions::ask(const std::vector<Asked>& nodes, const std::string& question,
                           Millis patience, Done done) {
    if (nodes.empty()) return done({});
    const auto round = std::make_shared<Round>();
    round->left = nodes.size();
    round->done = std::move(done);
    for (const Asked& each : nodes) {
        round->answers.push_back({each.node, Error{ErrorCode::NotFound, "is away"}});
    }
    const TimePoint deadline = loop_.now() + patience;
    for (std::size_t place = 0; place < nodes.size(); ++place) {
        const std::uint64_t ticket = ++last_ticket_;
        waiting_.emplace(ticket, Waiting{round, place});
        if (output_(nodes[place].number) == nullptr) {
            on_answer(ticket, Error{ErrorCode::NotFound, "is away"});
        } else {
            questions_.ask(ticket, to_peer(nodes[place].number), question, deadline);
        }
    }
    loop_.run_again();
}

void ClusterQuestions::node_down(NodeNumber node) { questions_.peer_down(to_peer(node)); }

bool ClusterQuestions::on_frame(NodeNumber from, const cluster::Frame& frame, bool& readable) {
    return questions_.on_frame(to_peer(from), frame, readable, loop_.now());
}

TimePoint ClusterQuestions::run() { return questions_.run(loop_.now()); }

void ClusterQuestions::send(PeerNumber peer, std::string_view frame) {
    std::string* out = output_(to_node(peer));
    if (out != nullptr) out->append(frame);
}

void ClusterQuestions::on_question(PeerNumber peer, std::uint64_t number, std::string question) {
    if (!serve_) {
        return questions_.answer(peer, number, Error{ErrorCode::Unavailable, "cannot be asked yet"},
                                 loop_.now());
    }
    serve_(std::move(question), [this, &loop = loop_, alive = std::weak_ptr(alive_), peer,
                                 number](Result<std::string> answer) {
        boost::asio::post(loop.io(),
                          [this, alive, peer, number, answer = std::move(answer)]() mutable {
                              if (alive.expired()) return;
                              questions_.answer(peer, number, std::move(answer), loop_.now());
                              loop_.run_again();
                          });
    });
}

void ClusterQuestions::on_answer(std::uint64_t ticket, Result<std::string> answer) {
    const auto at = waiting_.find(ticket);
    if (at == waiting_.end()) return;
    const Waiting waiting = std::move(at->second);
    waiting_.erase(at);
    waiting.round->answers[waiting.place].answer = std::move(answer);
    if (--waiting.round->left == 0) waiting.round->done(std::move(waiting.round->answers));
}

}  // namespace vmq::broker
