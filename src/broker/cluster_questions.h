// ClusterQuestions: commands of this node that ask others, and theirs that ask this one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "broker/node_outbox.h"
#include "cluster/questions.h"
#include "runtime/shard_loop.h"

namespace vmq::broker {

/// What one node says to a question.
struct NodeAnswer {
    std::string node;
    /// The Error is a sentence that begins with the verb: "has not answered in time". NotFound: the
    /// node is away, and was not asked.
    Result<std::string> answer;
};

/// Owned by the ClusterService; what is not marked otherwise is used on its thread. Questions and
/// answers are bytes that the program understands (vernemq/node_question.h).
class ClusterQuestions final : private cluster::QuestionHost {
public:
    /// The output of the control link to a node; null: there is none.
    using Output = std::function<std::string*(NodeNumber)>;
    using Give = std::function<void(Result<std::string> answer)>;
    /// Another node asks. `give` is called once, by any thread, now or later. Must not wait.
    using Serve = std::function<void(std::string question, Give give)>;

    ClusterQuestions(runtime::ShardLoop& loop, Output output, Serve serve)
        : loop_(loop), output_(std::move(output)), serve_(std::move(serve)) {}

    struct Asked {
        std::string node;
        NodeNumber number{};
    };
    using Done = std::function<void(std::vector<NodeAnswer>)>;
    /// Asks all of them at once; `done` gets their answers, in the same order, after `patience` at
    /// the latest.
    void ask(const std::vector<Asked>& nodes, const std::string& question, Millis patience,
             Done done);
    void node_down(NodeNumber node);
    /// A frame of a control link. False: it is none of these.
    [[nodiscard]] bool on_frame(NodeNumber from, const cluster::Frame& frame, bool& readable);
    /// In every turn. When it has something to do at the latest.
    [[nodiscard]] TimePoint run();
    [[nodiscard]] const cluster::Questions::Counters& counters() const noexcept {
        return questions_.counters();
    }

private:
    struct Round {
        std::vector<NodeAnswer> answers;
        std::size_t left = 0;
        Done done;
    };
    struct Waiting {
        std::shared_ptr<Round> round;
        std::size_t place = 0;
    };

    // cluster::QuestionHost
    void send(cluster::PeerNumber peer, std::string_view frame) override;
    void on_question(cluster::PeerNumber peer, std::uint64_t number, std::string question) override;
    void on_answer(std::uint64_t ticket, Result<std::string> answer) override;

    runtime::ShardLoop& loop_;
    const Output output_;
    const Serve serve_;
    cluster::Questions questions_{*this};
    std::uint64_t last_ticket_ = 0;
    std::map<std::uint64_t, Waiting> waiting_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace vmq::broker
