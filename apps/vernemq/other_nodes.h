// OtherNodes: asks the other members of the cluster what a command wants to know or do.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "broker/cluster_service.h"
#include "vernemq/node_question.h"

namespace vmq::launcher {

/// Any thread but a shard's and the cluster's. `cluster` outlives it; null: there are no others.
class OtherNodes final {
public:
    /// For a node to answer, unless the question takes longer by itself.
    static constexpr Millis kPatience{5000};

    explicit OtherNodes(broker::ClusterService* cluster) : cluster_(cluster) {}

    template <typename T>
    struct Said {
        struct Answer {
            std::string node;
            T what;
        };
        std::vector<Answer> answers;
        std::vector<std::string> away;    // names: they do not run, as far as this node knows
        std::vector<std::string> silent;  // names of those that run and have not answered
        std::vector<std::string> why;     // of silent ones, sentences with their names
    };
    /// Of all of them, or those of `only`; at most as long as `patience`.
    template <typename T>
    [[nodiscard]] Said<T> ask(const NodeQuestion& question, Millis patience = kPatience,
                              const std::vector<std::string>& only = {}) const {
        Said<T> said;
        if (cluster_ == nullptr || cluster_->nodes().size() <= 1) return said;
        for (broker::NodeAnswer& each : cluster_->ask(encode(question), patience, only)) {
            T what{};
            if (each.answer && decode_answer(each.answer.value(), what)) {
                said.answers.push_back({std::move(each.node), std::move(what)});
                continue;
            }
            if (!each.answer && each.answer.error().code == ErrorCode::NotFound) {
                said.away.push_back(std::move(each.node));
                continue;
            }
            said.why.push_back("node " + each.node + " " +
                               (each.answer ? "answers what this version does not understand"
                                            : each.answer.error().detail));
            said.silent.push_back(std::move(each.node));
        }
        return said;
    }

private:
    broker::ClusterService* cluster_;
};

}  // namespace vmq::launcher
