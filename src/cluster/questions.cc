#include "cluster/questions.h"

#include <algorithm>
#include <utility>

#include "cluster/question_codec.h"

namespace vmq::cluster {
namespace {

Error unanswered(const char* what) { return {ErrorCode::Unavailable, what}; }

}  // namespace

// This node asks.

void Questions::ask(std::uint64_t ticket, PeerNumber peer, std::string_view question,
                    TimePoint deadline) {
    ++counters_.asked;
    if (question.size() > limits_.longest_question) {
        ++counters_.unanswered;
        return host_.on_answer(ticket, unanswered("is not asked: the command is too long"));
    }
    const std::uint64_t number = ++last_;
    asked_.emplace(number, Asked{ticket, peer, deadline, 0, {}});
    frame_.clear();
    append(Question{number, question}, frame_);
    host_.send(peer, frame_);
}

void Questions::end(std::map<std::uint64_t, Asked>::iterator at, Result<std::string> answer) {
    const std::uint64_t ticket = at->second.ticket;
    if (!answer) ++counters_.unanswered;
    asked_.erase(at);
    host_.on_answer(ticket, std::move(answer));
}

bool Questions::on_portion(PeerNumber from, std::string_view body) {
    AnswerPortion portion;
    if (!decode(body, portion)) return false;
    const auto at = asked_.find(portion.number);
    if (at == asked_.end() || at->second.peer != from) return true;  // nobody waits any more
    Asked& asked = at->second;
    if (portion.portion != asked.next_portion) return false;
    if (asked.answer.size() + portion.text.size() > limits_.longest_answer) {
        end(at, unanswered("answers more than can be shown: ask for less"));
        return true;
    }
    asked.answer.append(portion.text);
    ++asked.next_portion;
    if (portion.last) {
        std::string answer = std::move(asked.answer);
        if (portion.refused) {
            end(at, Error{ErrorCode::Unavailable, std::move(answer)});
        } else {
            end(at, std::move(answer));
        }
        return true;
    }
    frame_.clear();
    append(MoreOfAnswer{portion.number, asked.next_portion}, frame_);
    host_.send(from, frame_);
    return true;
}

// Others ask.

void Questions::refuse(PeerNumber peer, std::uint64_t number, std::string_view why) {
    ++counters_.refused;
    frame_.clear();
    append(AnswerPortion{number, 0, true, true, why}, frame_);
    host_.send(peer, frame_);
}

void Questions::on_question(PeerNumber from, std::uint64_t number, std::string_view question) {
    if (question.size() > limits_.longest_question) {
        return refuse(from, number, "refuses so long a question");
    }
    const auto open = std::count_if(answers_.begin(), answers_.end(),
                                    [&](const auto& each) { return each.first.first == from; });
    if (static_cast<std::size_t>(open) >= limits_.most_of_peer) {
        return refuse(from, number, "is asked too much at the same time; try again");
    }
    if (!answers_.try_emplace({from, number}).second) return;
    host_.on_question(from, number, std::string(question));
}

void Questions::answer(PeerNumber peer, std::uint64_t number, Result<std::string> answer,
                       TimePoint now) {
    const auto at = answers_.find({peer, number});
    if (at == answers_.end() || at->second.known) return;
    at->second.known = true;
    if (answer) {
        ++counters_.answered;
        at->second.answer = std::move(answer).value();
    } else {
        ++counters_.refused;
        at->second.refused = true;
        at->second.answer = answer.error().detail;
    }
    send_portion(at, now);
}

void Questions::send_portion(std::map<Place, Answering>::iterator at, TimePoint now) {
    Answering& answering = at->second;
    const std::string_view all = answering.answer;
    const std::string_view text =
        all.substr(std::min(all.size(), answering.sent * limits_.portion), limits_.portion);
    const bool last = (answering.sent + 1) * limits_.portion >= all.size();
    frame_.clear();
    append(AnswerPortion{at->first.second, answering.sent, last, answering.refused, text}, frame_);
    host_.send(at->first.first, frame_);
    ++answering.sent;
    answering.gone_at = now + limits_.most_between;
    if (last) answers_.erase(at);
}

bool Questions::on_more(PeerNumber from, std::string_view body, TimePoint now) {
    MoreOfAnswer more;
    if (!decode(body, more)) return false;
    const auto at = answers_.find({from, more.number});
    if (at == answers_.end()) return true;  // it came too late
    if (!at->second.known || more.portion != at->second.sent) return false;
    send_portion(at, now);
    return true;
}

// Both.

void Questions::peer_down(PeerNumber peer) {
    std::erase_if(answers_, [&](const auto& each) { return each.first.first == peer; });
    for (auto at = asked_.begin(); at != asked_.end();) {
        const auto next = std::next(at);
        if (at->second.peer == peer) end(at, unanswered("went away before it answered"));
        at = next;
    }
}

bool Questions::on_frame(PeerNumber from, const Frame& frame, bool& readable, TimePoint now) {
    switch (frame.type) {
        case FrameType::Question: {
            Question question;
            readable = decode(frame.body, question);
            if (readable) on_question(from, question.number, question.question);
            return true;
        }
        case FrameType::Answer:
            readable = on_portion(from, frame.body);
            return true;
        case FrameType::MoreOfAnswer:
            readable = on_more(from, frame.body, now);
            return true;
        default:
            return false;
    }
}

TimePoint Questions::run(TimePoint now) {
    TimePoint next = kNever;
    for (auto at = asked_.begin(); at != asked_.end();) {
        const auto following = std::next(at);
        if (at->second.deadline <= now) {
            end(at, unanswered("has not answered in time"));
        } else {
            next = std::min(next, at->second.deadline);
        }
        at = following;
    }
    std::erase_if(answers_, [&](const auto& each) { return each.second.gone_at <= now; });
    for (const auto& [place, each] : answers_) next = std::min(next, each.gone_at);
    return next;
}

}  // namespace vmq::cluster
