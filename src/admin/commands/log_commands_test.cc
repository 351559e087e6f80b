#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

class LogCommands : public CommandTest {
protected:
    LogCommands() {
        node.logs = {{"console", "info", "console", ""},
                     {"consolefile", "info", "file", "log/console.log"}};
    }
};

TEST_F(LogCommands, ShowConfigListsWhereItGoes) {
    EXPECT_EQ(out("log show config --format=csv"),
              "logger,level,type,file\r\nconsole,info,console,-\r\n"
              "consolefile,info,file,log/console.log\r\n");
}

TEST_F(LogCommands, LevelTakesItsArgumentsInAnyOrder) {
    EXPECT_EQ(out("log level level=debug logger=consolefile"), "Done\n");
    EXPECT_EQ(out("log level logger=console level=warning"), "Done\n");
    EXPECT_EQ(calls(), (Calls{"level 0", "level 3"}));
}

TEST_F(LogCommands, WhatThereIsNotIsRefused) {
    EXPECT_EQ(out("log level logger=x level=debug"), "Invalid arguments: logger=x \n");
    EXPECT_EQ(run("log level logger=x level=debug").err, "There is: console, consolefile\n");
    EXPECT_EQ(out("log level logger=console level=loud"), "Invalid arguments: level=loud \n");
    EXPECT_EQ(run("log level logger=console level=loud").status, 1);
    EXPECT_EQ(calls(), Calls{});
}

}  // namespace
}  // namespace vmq::admin::commands
