"""The user's own network runs on the user's own inputs, and says what it computed."""
import array
import hashlib
import math
import pathlib
import random
import signal
import socket
import tempfile
import threading
import unittest

from board import Board, wait_for
from tensors import node, onnx, read_npy, read_tensor, tensor, write_npy

ONNX_DATA = pathlib.Path("/usr/share/libonnx-testdata/data")
QUICK = ("--iterations", "2", "--warmup", "1")
MEGABYTE = 1_000_000
INT64 = 7  # of ONNX


class Scratch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.board = Board()
        cls.board.__enter__()
        cls.addClassCleanup(cls.board.__exit__)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_net(self, *args):
        done = self.board.ctl("run", *args, *QUICK)
        # A net of some microseconds ends before its power was read once.
        if done.returncode != 1 or "few_readings" not in done.stderr:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def refused(self, text, *args, code=2):
        done = self.board.ctl("run", *args, *QUICK)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn(text, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(done.stdout, "")

    def assert_close(self, computed, expected):
        self.assertEqual(tuple(computed[0]), tuple(expected[0]))
        for mine, theirs in zip(computed[1], expected[1]):
            self.assertTrue(math.isclose(mine, theirs, rel_tol=1e-3, abs_tol=1e-5), (mine, theirs))


class Onnx(Scratch):
    def check(self, name, engine):
        case = ONNX_DATA / "pytorch-converted" / name
        data = case / "test_data_set_0"
        write_npy(self.folder / "in.npy", *read_tensor(data / "input_0.pb"))
        self.run_net("--net", case / "model.onnx", "--engine", engine, "--input",
                     self.folder / "in.npy", "--outputs", self.folder / "out.npy")
        self.assert_close(read_npy(self.folder / "out.npy"), read_tensor(data / "output_0.pb"))

    def test_what_pytorch_exported_computes_what_pytorch_computed(self):
        for name in ("test_Conv2d_strided", "test_MaxPool2d", "test_Linear"):
            for engine in ("caffe2-openblas", "caffe2-eigen"):
                with self.subTest(name=name, engine=engine):
                    self.check(name, engine)

    def test_a_run_says_where_its_net_is_from(self):
        net = ONNX_DATA / "pytorch-converted" / "test_Conv2d" / "model.onnx"
        self.run_net("--net", net, "--net-type", "async_scheduling")
        run = self.board.json("show", "last")["run"]
        self.assertEqual(run["model"]["source"], "onnx")
        self.assertRegex(run["model"]["weights_sha256"], "^[0-9a-f]{64}$")
        self.assertEqual(run["net_type"], "async_scheduling")
        self.assertEqual(run["net"], "model")

    def test_an_input_may_be_one_number(self):
        net = self.folder / "scale.onnx"
        net.write_bytes(onnx([node("Mul", ["x", "s"], ["y"])], [("x", (2, 2)), ("s", ())],
                             [("y", (2, 2))]))
        write_npy(self.folder / "x.npy", (2, 2), [1, 2, 3, 4])
        write_npy(self.folder / "s.npy", (), [10])
        for engine in ("caffe2-openblas", "caffe2-eigen"):
            self.run_net("--net", net, "--engine", engine, "--input", f"x={self.folder}/x.npy",
                         "--input", f"s={self.folder}/s.npy", "--outputs", self.folder / "out.npy")
            self.assertEqual(read_npy(self.folder / "out.npy"), ((2, 2), [10, 20, 30, 40]))

    def test_an_input_that_decides_on_a_shape_is_needed_beforehand(self):
        net = self.folder / "reshape.onnx"
        net.write_bytes(onnx([node("Relu", ["x"], ["r"]), node("Reshape", ["r", "shape"], ["y"])],
                             [("x", (2, 6)), ("shape", (2,), INT64)], [("y", (3, 4))]))
        write_npy(self.folder / "shape.npy", (2,), [3, -1], descr="<i8")
        write_npy(self.folder / "x.npy", (2, 6), range(-6, 6))
        self.refused("--input BLOB=FILE.npy", "--net", net)
        done = self.run_net("--net", net, "--input", f"shape={self.folder}/shape.npy", "--input",
                            f"x={self.folder}/x.npy", "--outputs", self.folder / "out.npy")
        self.assertIn("'shape' decide on shapes", done.stderr)
        self.assertEqual(read_npy(self.folder / "out.npy"), ((3, 4), [0] * 7 + [1, 2, 3, 4, 5]))
        write_npy(self.folder / "shape.npy", (2,), [5, -1], descr="<i8")
        self.refused("reshape.onnx", "--net", net, "--input", f"shape={self.folder}/shape.npy")
        write_npy(self.folder / "shape.npy", (2,), [3, -1])
        self.refused("float32", "--net", net, "--input", f"shape={self.folder}/shape.npy")

    def test_a_batch_is_the_first_dimension_where_that_is_open(self):
        net = self.folder / "relu.onnx"
        net.write_bytes(onnx([node("Relu", ["x"], ["y"])], [("x", (1, 4))], [("y", (1, 4))]))
        self.refused("--input-shape x=3,4", "--net", net, "--batch", "3")
        net.write_bytes(onnx([node("Relu", ["x"], ["y"])], [("x", ("N", 4))], [("y", ("N", 4))]))
        values = [random.Random(1).uniform(-1, 1) for _ in range(12)]
        write_npy(self.folder / "in.npy", (3, 4), values)
        self.run_net("--net", net, "--batch", "3", "--input", self.folder / "in.npy", "--outputs",
                     self.folder / "out.npy")
        self.assert_close(read_npy(self.folder / "out.npy"), ((3, 4), [max(0, v) for v in values]))

    def test_weights_beside_the_model_are_read_and_no_others(self):
        def model(location, checksum=None):
            return onnx([node("Add", ["x", "w"], ["y"])], [("x", (4,))], [("y", (4,))],
                        [tensor("w", (4,), external=location, checksum=checksum)])

        weights = array.array("f", [1, 2, 3, 4]).tobytes()
        outside = self.folder / "outside"
        outside.write_bytes(weights)
        home = self.folder / "model"
        home.mkdir()
        (home / "data").write_bytes(weights)
        (home / "link").symlink_to(outside)
        (home / "folder").symlink_to(self.folder)
        net = home / "net.onnx"
        write_npy(self.folder / "in.npy", (4,), [10, 20, 30, 40])
        net.write_bytes(model("data"))
        self.run_net("--net", net, "--input", self.folder / "in.npy", "--outputs",
                     self.folder / "out.npy")
        self.assertEqual(read_npy(self.folder / "out.npy"), ((4,), [11, 22, 33, 44]))
        net.write_bytes(model("data", hashlib.sha1(weights).hexdigest()))
        self.run_net("--net", net)
        (home / "data").write_bytes(weights[:-1] + b"x")
        self.refused("tensor 'w': external data 'data': the file's SHA-1 is", "--net", net)
        for location in ("../outside", str(outside), "link", "folder/outside", "missing"):
            with self.subTest(location=location):
                net.write_bytes(model(location))
                self.refused("net.onnx", "--net", net)


class Caffe2(Scratch):
    """FC of (1, 3) with 2 x 3 weights, as text protobuf."""

    PREDICT = """name: "tiny"
op { input: "data" input: "w" input: "b" output: "y" name: "fc" type: "FC" }
external_input: "data" external_input: "w" external_input: "b" external_output: "y"
"""
    INIT = """op { output: "w" type: "GivenTensorFill" arg { name: "shape" ints: 2 ints: 3 }
  arg { name: "values" floats: 1 floats: 2 floats: 3 floats: 4 floats: 5 floats: 6 } }
op { output: "b" type: "ConstantFill" arg { name: "shape" ints: 2 } arg { name: "value" f: 0.5 } }
"""

    def setUp(self):
        super().setUp()
        self.net, self.init = self.folder / "predict.pbtxt", self.folder / "init.pbtxt"
        self.net.write_text(self.PREDICT)
        self.init.write_text(self.INIT)
        self.files = ("--net", self.net, "--init", self.init, "--input-shape", "data=1,3")

    def test_a_net_in_files_computes_what_it_says(self):
        write_npy(self.folder / "in.npy", (1, 3), [1, 10, 100])
        for engine in ("caffe2-openblas", "caffe2-eigen"):
            self.run_net(*self.files, "--engine", engine, "--input", f"data={self.folder}/in.npy",
                         "--outputs", self.folder / "out.npy")
            self.assertEqual(read_npy(self.folder / "out.npy"), ((1, 2), [321.5, 654.5]))
        run = self.board.json("show", "last")["run"]
        self.assertEqual((run["net"], run["model"]["source"], run["batch"]), ("tiny", "caffe2", 1))

    def test_the_batch_is_the_first_dimension_that_is_given(self):
        write_npy(self.folder / "in.npy", (2, 3), [1, 10, 100, 0, 0, 0])
        self.refused("contradict each other", *self.files, "--batch", "2")
        self.run_net(*self.files[:-1], "data=2,3", "--batch", "2", "--input", self.folder / "in.npy", "--outputs",
                     self.folder / "out.npy")
        self.assertEqual(read_npy(self.folder / "out.npy"), ((2, 2), [321.5, 654.5, 0.5, 0.5]))

    def test_what_a_file_does_not_say_is_asked_for(self):
        self.refused("--input-shape data=N,3 ", "--net", self.net, "--init", self.init)
        self.refused("--init FILE", "--net", self.net, "--input-shape", "data=1,3")
        self.refused("BLOB=1,3", *self.files[:-1], "data")
        self.refused("tiny", *self.files, "--input", "nosuch=x.npy")

    def test_nets_that_do_not_fit_together(self):
        self.refused("fc", *self.files[:-1], "data=1,4")
        self.net.write_text(self.PREDICT.replace('"FC"', '"Fc"'))
        self.refused("'FC'", *self.files)
        self.net.write_text(self.PREDICT.replace("op {", "op ["))
        self.refused("predict.pbtxt", *self.files)
        self.net.write_text(self.PREDICT)
        self.init.write_text(self.INIT.replace("ints: 3", "ints: 4"))
        self.refused("'w'", *self.files)
        self.init.unlink()
        self.refused("init.pbtxt", *self.files)


class Exported(Scratch):
    def test_an_exported_network_computes_what_the_zoos_does(self):
        done = self.board.ctl("models", "export", "squeezenet1.1", "--dir", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        picture = self.folder / "x.ppm"
        picture.write_bytes(b"P6\n224 224\n255\n" + bytes(range(256)) * 588)
        self.run_net("--net", "squeezenet1.1", "--input", picture, "--outputs", self.folder / "zoo.npy")
        for suffix in ("pb", "pbtxt"):
            self.run_net("--net", self.folder / f"predict_net.{suffix}", "--init",
                         self.folder / f"init_net.{suffix}", "--input-shape", "data=1,3,224,224",
                         "--input", picture, "--outputs", self.folder / "file.npy")
            self.assert_close(read_npy(self.folder / "file.npy"), read_npy(self.folder / "zoo.npy"))


class Inputs(Scratch):
    def test_a_picture_gives_a_probability_for_every_class(self):
        picture = self.folder / "grey.ppm"
        picture.write_bytes(b"P6\n300 200\n255\n" + bytes(range(250)) * 720)
        outputs = []
        for _ in range(2):
            self.run_net("--net", "squeezenet1.1", "--input", picture, "--outputs",
                         self.folder / "out.npy")
            outputs.append(read_npy(self.folder / "out.npy"))
        dims, values = outputs[0]
        self.assertEqual(math.prod(dims), 1000)
        self.assertAlmostEqual(sum(values), 1, delta=1e-3)
        self.assertEqual(outputs[0], outputs[1], "the same input, the same output")

    def test_inputs_that_do_not_fit(self):
        array_file = self.folder / "in.npy"
        net = ("--net", "squeezenet1.1", "--input", array_file)
        write_npy(array_file, (3, 224, 224), [0.0] * (3 * 224 * 224))
        self.refused("a[None]", *net)
        write_npy(array_file, (1, 3, 10, 10), [0.0] * 300)
        self.refused("1x3x10x10", *net)
        whole = array_file.read_bytes()
        array_file.write_bytes(whole[:-4])
        self.refused("cut off", *net)
        write_npy(array_file, (1, 1), [0.0], descr=">f4")
        self.refused("big-endian", *net)
        write_npy(array_file, (1, 1), [0.0], fortran=True)
        self.refused("ascontiguousarray", *net)
        write_npy(array_file, (2**40, 2**40), [0.0])
        self.refused("absurd", *net)
        self.refused("missing.npy", "--net", "squeezenet1.1", "--input", self.folder / "missing.npy")
        self.refused("BLOB=FILE", "--net", "squeezenet1.1", "--input", f"nosuch={array_file}")

    def test_outputs_that_cannot_be_written_are_refused_before_anything_runs(self):
        before = len(self.board.json("runs")["runs"])
        self.refused("does not exist", "--net", "squeezenet1.1", "--outputs",
                     self.folder / "none" / "out.npy")
        self.refused(".npy", "--net", "squeezenet1.1", "--outputs", self.folder / "out.txt")
        self.assertEqual(len(self.board.json("runs")["runs"]), before)


class BadModels(Scratch):
    def tearDown(self):
        self.assertEqual(self.board.ctl("board").returncode, 0)
        self.assertIsNone(self.board.process.poll())

    def test_onnx_files_that_are_none(self):
        net = self.folder / "net.onnx"
        good = (ONNX_DATA / "pytorch-converted" / "test_Conv2d" / "model.onnx").read_bytes()
        for what, data in (("cut off", good[:len(good) // 2]), ("text", b"this is no model"),
                           ("zeros", bytes(1000))):
            with self.subTest(what=what):
                net.write_bytes(data)
                self.refused("net.onnx", "--net", net)
        net.write_bytes(b"")
        self.refused("empty", "--net", net)
        net.unlink()
        self.refused("No such file", "--net", net)
        net.mkdir()
        self.refused("folder", "--net", net)

    def test_graphs_that_cannot_run(self):
        net = self.folder / "net.onnx"
        one = [("x", (1, 4))], [("y", (1, 4))]
        for what, nodes, text in (
                ("an unknown operator", [node("Frobnicate", ["x"], ["y"])], "Frobnicate"),
                ("a dangling blob", [node("Relu", ["nowhere"], ["y"])], "nowhere"),
                ("a cycle", [node("Add", ["x", "b"], ["y"]), node("Relu", ["y"], ["b"])], "b")):
            with self.subTest(what=what):
                net.write_bytes(onnx(nodes, *one))
                self.refused(text, "--net", net)
        net.write_bytes(onnx([node("Relu", ["x"], ["y"])], [("x", (2**40,))], [("y", (2**40,))]))
        self.refused("net.onnx", "--net", net)

    def test_a_net_that_needs_more_memory_than_there_is(self):
        wide = 2**30  # 4 GiB a blob
        nodes = [node("Relu", [f"b{i}"], [f"b{i + 1}"]) for i in range(1000)]
        net = self.folder / "net.onnx"
        net.write_bytes(onnx(nodes, [("b0", (wide,))], [("b1000", (wide,))]))
        self.refused("MB", "--net", net)

    def test_flags_that_do_not_go_together(self):
        self.refused("of the zoo", "--net", "squeezenet", "--input-shape", "data=1,3,9,9")
        for shape in ("data", "data=", "data=1,,3", "data=0,3", "data=-1", "data=1,3x"):
            with self.subTest(shape=shape):
                self.refused("--input-shape", "--net", self.folder / "n.onnx", "--input-shape", shape)

    def test_weights_of_nan_run_and_are_reported(self):
        net = self.folder / "net.onnx"
        nan = array.array("f", [float("nan")] * 4).tobytes()
        net.write_bytes(onnx([node("Add", ["x", "w"], ["y"])], [("x", (1, 4))], [("y", (1, 4))],
                             [tensor("w", (1, 4), nan)]))
        done = self.run_net("--net", net, "--outputs", self.folder / "out.npy")
        self.assertIn("NaN", done.stderr)
        self.assertTrue(all(math.isnan(v) for v in read_npy(self.folder / "out.npy")[1]))


class StallingRelay:
    """A socket that hands on what goes one way up to a number of bytes, then nothing until told to."""

    def __init__(self, path, daemon, limit, counted="to the daemon"):
        self.left = limit
        self.counted = counted
        self.stalled = threading.Event()
        self.released = threading.Event()
        self.sockets = []
        self.daemon = str(daemon)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            daemon = socket.socket(socket.AF_UNIX)
            daemon.connect(self.daemon)
            self.sockets += [client, daemon]
            threading.Thread(target=self.copy, args=(client, daemon, "to the daemon"),
                             daemon=True).start()
            threading.Thread(target=self.copy, args=(daemon, client, "from the daemon"),
                             daemon=True).start()

    def copy(self, source, target, way):
        try:
            while data := source.recv(1 << 16):
                if way == self.counted:
                    with self.lock:
                        self.left -= len(data)
                        stall = self.left < 0
                    if stall:
                        self.stalled.set()
                        self.released.wait()
                target.sendall(data)
        except OSError:
            pass

    def go_on(self):
        self.released.set()

    def close(self):
        self.released.set()
        for end in (self.listener, *self.sockets):
            end.close()


class Interrupted(Scratch):
    def test_ctrl_c_while_outputs_come_leaves_the_run_whole_and_no_file(self):
        size = 4_000_000  # 16 MB of outputs
        net = self.folder / "relu.onnx"
        net.write_bytes(onnx([node("Relu", ["x"], ["y"])], [("x", (size,))], [("y", (size,))]))
        relay = StallingRelay(self.folder / "relay.sock", self.board.socket, 8 * MEGABYTE,
                              counted="from the daemon")
        self.addCleanup(relay.close)
        client = self.board.start_ctl("run", "--net", net, *QUICK, "--outputs",
                                      self.folder / "out.npy", "--host",
                                      f"unix:{self.folder}/relay.sock")
        wait_for(lambda: relay.stalled.is_set() or client.poll() is not None, 60, "half of the outputs")
        client.send_signal(signal.SIGINT)
        err = ""
        while "the job has ended" not in err and (line := client.stderr.readline()):
            err += line
        relay.go_on()
        _, rest = client.communicate(timeout=60)
        self.assertEqual(client.returncode, 130, err + rest)
        self.assertIn("is whole and stored", rest)
        self.assertIn("outputs were not written", rest)
        self.assertEqual([p.name for p in self.folder.glob("out*")], [])
        stored = self.board.json("runs")["runs"][0]
        self.assertEqual((stored["state"], stored["complete"], stored["unfinished"]),
                         ("DONE", True, False))


class Upload(Scratch):
    def test_what_was_sent_is_never_sent_again(self):
        rows = 4000  # 64 MB
        net = self.folder / "wide.onnx"
        weights = random.Random(1).randbytes(1 << 16)
        raw = bytearray((weights * (rows * rows * 4 // len(weights) + 1))[:rows * rows * 4])
        raw[3::4] = bytes(len(raw) // 4)  # small exponents: every float is finite
        net.write_bytes(onnx([node("Conv", ["x", "w"], ["y"])], [("x", (1, rows, 1, 1))],
                             [("y", (1, rows, 1, 1))], [tensor("w", (rows, rows, 1, 1), bytes(raw))]))
        relay = StallingRelay(self.folder / "relay.sock", self.board.socket, 32 * MEGABYTE)
        self.addCleanup(relay.close)
        client = self.board.start_ctl("run", "--net", net, *QUICK, "--host",
                                      f"unix:{self.folder}/relay.sock")
        wait_for(lambda: relay.stalled.is_set() or client.poll() is not None, 60, "half of the upload")
        client.send_signal(signal.SIGKILL)
        _, err = client.communicate()
        self.assertEqual(client.returncode, -signal.SIGKILL, err)
        relay.close()
        resumed = self.run_net("--net", net)
        sent = [line for line in resumed.stderr.splitlines() if "sent" in line and "had" in line]
        self.assertEqual(len(sent), 1, resumed.stderr)
        megabytes = float(sent[0].split("sent ")[1].split(" ")[0])
        self.assertTrue(16 < megabytes < 48, sent)
        again = self.run_net("--net", net)
        self.assertIn("nothing was sent", again.stderr)
        objects = self.board.json("board")["objects"]
        self.assertTrue(64 * MEGABYTE <= objects["bytes"] <= objects["quota_bytes"], objects)
        self.assertIn("MB for weights and inputs are taken", self.board.ctl("board").stdout)

    def added(self):
        """What runs a net that adds weights of 400 bytes, and the board's file of them."""
        values = [float(i) for i in range(100)]
        net = self.folder / "add.onnx"
        net.write_bytes(onnx([node("Add", ["x", "w"], ["y"])], [("x", (100,))], [("y", (100,))],
                             [tensor("w", (100,), array.array("f", values).tobytes())]))
        write_npy(self.folder / "x.npy", (100,), [1000] * 100)
        for old in (self.board.state / "objects").glob("*"):
            old.unlink()

        def run():
            done = self.run_net("--net", net, "--input", self.folder / "x.npy", "--outputs",
                                self.folder / "y.npy")
            self.assertEqual(read_npy(self.folder / "y.npy"), ((100,), [1000 + v for v in values]))
            return [line for line in done.stderr.splitlines() if "weights" in line and "sent" in line]

        said = run()
        self.assertEqual(len(said), 1, said)
        objects = list((self.board.state / "objects").glob("*"))
        content = array.array("f", values).tobytes()
        weights = [path for path in objects if content in path.read_bytes()]
        self.assertEqual(len(weights), 1, objects)
        return run, weights[0]

    def test_weights_that_somebody_changed_on_the_board_are_sent_again(self):
        run, weights = self.added()
        self.assertIn("nothing was sent", run()[0])
        content = weights.read_bytes()
        for daemon_knows in (True, False):
            with self.subTest(daemon_knows=daemon_knows):
                with open(weights, "r+b") as file:
                    file.seek(len(content) - 3)
                    file.write(b"xy")
                self.assertEqual(weights.stat().st_size, len(content))
                if not daemon_knows:
                    self.board.stop()
                    self.board.start()
                said = run()
                self.assertEqual(len(said), 1, said)
                self.assertIn("changed or damaged on its disk, and has deleted them", said[0])
                self.assertEqual(weights.read_bytes(), content)
                self.assertIn("nothing was sent", run()[0])

    def test_a_damaged_beginning_is_said_to_be_and_the_figures_add_up(self):
        run, weights = self.added()
        size = weights.stat().st_size
        part = weights.with_name(weights.name + ".part")
        weights.rename(part)
        with open(part, "r+b") as file:
            file.write(b"damaged")
            file.truncate(size // 2)
        said = run()
        self.assertEqual(len(said), 1, said)
        both = f"{(size - size // 2 + size) / 1e3:.1f} kB"
        self.assertIn(f"sent {both} of weights: the {size // 2 / 1e3:.1f} kB that the board had", said[0])
        self.assertIn(f"all {size / 1e3:.1f} kB were sent again", said[0])
        self.assertIn("nothing was sent", run()[0])


if __name__ == "__main__":
    unittest.main()
