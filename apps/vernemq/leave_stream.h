// LeaveStream: a node on its way out of the cluster as an answer of the control socket.
#pragma once

#include <memory>
#include <utility>

#include "admin/commands/stream.h"
#include "broker/leave_watch.h"

namespace vmq::launcher {

/// The node goes on when nobody listens any more.
class LeaveStream final : public admin::commands::Stream {
public:
    explicit LeaveStream(std::shared_ptr<broker::LeaveWatch> watch) : watch_(std::move(watch)) {}

    Piece take() override {
        broker::LeaveWatch::Taken taken = watch_->take();
        if (!taken.ended) return {std::move(taken.lines), {}};
        if (!taken.hint.empty()) taken.lines += taken.hint + "\n";
        return {std::move(taken.lines), taken.ended == cluster::LeaveEnd::Failed ? 1 : 0};
    }

private:
    const std::shared_ptr<broker::LeaveWatch> watch_;
};

}  // namespace vmq::launcher
