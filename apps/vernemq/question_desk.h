// QuestionDesk: where commands of other nodes are answered.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "broker/cluster_questions.h"
#include "runtime/guarded.h"
#include "runtime/work_pool.h"

namespace vmq::launcher {

/// Two threads answer, and as many questions as two nodes may ask at once wait; more are refused.
/// Made before the cluster and destroyed after it, by the main thread.
class QuestionDesk final {
public:
    using Answer = std::function<Result<std::string>(const std::string& question)>;

    QuestionDesk();
    QuestionDesk(const QuestionDesk&) = delete;
    QuestionDesk& operator=(const QuestionDesk&) = delete;

    /// For ClusterOptions::serve_question.
    void serve(std::string question, broker::ClusterQuestions::Give give);

    /// From now on questions are answered by `answer`, on threads of its own; before, and after
    /// close(), they are refused.
    void open(Answer answer);
    /// Returns when no answer is being looked for.
    void close();

private:
    struct Job {
        std::string question;
        broker::ClusterQuestions::Give give;
    };

    void run(Job& job);

    runtime::Guarded<Answer> answer_;
    runtime::WorkPool<Job> pool_;
};

}  // namespace vmq::launcher
