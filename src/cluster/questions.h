// Questions: what operators' commands ask other nodes, and what others ask this one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/frame_codec.h"
#include "cluster/registrar.h"

namespace vmq::cluster {

/// What it needs around it. Calls come from within calls of Questions.
class QuestionHost {
public:
    virtual void send(PeerNumber peer, std::string_view frame) = 0;
    /// Leads to Questions::answer() with the same numbers, now or later. `question` is the
    /// callee's to understand.
    virtual void on_question(PeerNumber peer, std::uint64_t number, std::string question) = 0;
    /// The end of ask(). An Error is a sentence without a subject: "has not answered in time".
    virtual void on_answer(std::uint64_t ticket, Result<std::string> answer) = 0;

protected:
    ~QuestionHost() = default;
};

/// Both ends of all control links. An answer goes in portions, each when the one before has
/// arrived, so that it holds up nothing else on the link and whoever stops reading gets no more.
///
/// Owned by the cluster's thread. No I/O and no clock.
class Questions final {
public:
    struct Limits {
        std::size_t longest_question = 128UL * 1024;
        std::size_t portion = 64UL * 1024;
        std::size_t longest_answer = 64UL * 1024 * 1024;
        std::size_t most_of_peer = 16;  // that one node may ask at a time
        Millis most_between{30'000};    // a portion and the next one is asked for
    };

    explicit Questions(QuestionHost& host) : Questions(host, Limits()) {}
    Questions(QuestionHost& host, Limits limits) : host_(host), limits_(limits) {}

    /// Asks a node that is linked. Leads to on_answer(ticket), at `deadline` at the latest.
    void ask(std::uint64_t ticket, PeerNumber peer, std::string_view question, TimePoint deadline);
    /// To a question of another node; an Error is its detail. Of one that has gone: nothing.
    void answer(PeerNumber peer, std::uint64_t number, Result<std::string> answer, TimePoint now);

    /// Its link is gone.
    void peer_down(PeerNumber peer);
    /// False: the frame is none of these. `readable`: false if the link cannot go on.
    [[nodiscard]] bool on_frame(PeerNumber from, const Frame& frame, bool& readable, TimePoint now);
    /// In every turn. When it has something to do at the latest.
    [[nodiscard]] TimePoint run(TimePoint now);

    struct Counters {
        std::uint64_t asked = 0;
        std::uint64_t answered = 0;    // of others
        std::uint64_t refused = 0;     // of others
        std::uint64_t unanswered = 0;  // of its own
    };
    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
    /// Of others, that are being worked on or fetched.
    [[nodiscard]] std::size_t open() const noexcept { return answers_.size(); }

private:
    struct Asked {
        std::uint64_t ticket = 0;
        PeerNumber peer{};
        TimePoint deadline{};
        std::uint64_t next_portion = 0;
        std::string answer;
    };
    struct Answering {
        bool known = false;  // the answer is there
        bool refused = false;
        std::string answer;
        std::uint64_t sent = 0;  // portions
        TimePoint gone_at = kNever;
    };
    using Place = std::pair<PeerNumber, std::uint64_t>;

    void on_question(PeerNumber from, std::uint64_t number, std::string_view question);
    [[nodiscard]] bool on_portion(PeerNumber from, std::string_view body);
    [[nodiscard]] bool on_more(PeerNumber from, std::string_view body, TimePoint now);
    void send_portion(std::map<Place, Answering>::iterator at, TimePoint now);
    void refuse(PeerNumber peer, std::uint64_t number, std::string_view why);
    void end(std::map<std::uint64_t, Asked>::iterator at, Result<std::string> answer);

    QuestionHost& host_;
    const Limits limits_;
    std::uint64_t last_ = 0;
    std::map<std::uint64_t, Asked> asked_;
    std::map<Place, Answering> answers_;
    Counters counters_;
    std::string frame_;  // reused
};

}  // namespace vmq::cluster
