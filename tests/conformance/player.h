// Plays one case of a script against a broker.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "conformance/expectation.h"
#include "conformance/rig.h"
#include "conformance/script.h"
#include "conformance/script_client.h"

namespace vmq::conformance {

struct Failure {
    int line;
    std::string what;
};

class Player final {
public:
    /// `version`: of clients that do not say which.
    Player(Rig& rig, Version version) : rig_(rig), version_(version) {}

    /// Plays all steps, then checks that nothing else came. Stops at the first failure.
    [[nodiscard]] std::optional<Failure> play(const Case& played);

private:
    using Problem = std::optional<std::string>;
    using Words = std::vector<Word>;

    Problem step(const Words& words);
    Problem client_step(ScriptClient& client, const std::string& name, const Words& words);
    Problem send(ScriptClient& client, const Words& words, bool hold);
    Problem send_bytes(ScriptClient& client, const std::string& bytes, bool slowly);
    Problem connect(ScriptClient& client, const std::string& name, const Words& words);
    Problem subscribe(ScriptClient& client, const Words& words);
    Problem expect(ScriptClient& client, const Words& words, bool any_order);
    Problem expect_one_of(const std::vector<std::string>& names, const Words& words);
    Problem expect_closed(ScriptClient& client);
    Problem expect_gone(ScriptClient& client);
    Problem expect_silence(ScriptClient& client);
    Problem open(ScriptClient& client);
    Problem settle();
    Problem check_rest();
    ScriptClient& client(const std::string& name);
    bool exchange();

    Rig& rig_;
    Version version_;
    std::map<std::string, std::unique_ptr<ScriptClient>> clients_;
    Variables variables_;
};

}  // namespace vmq::conformance
