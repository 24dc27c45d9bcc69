"""Kernels and their outputs, compared with numbers worked out by hand and with scipy's correlation."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from cnnlab.errors import ConfigError
from cnnlab.model.convolution import (
    KERNELS,
    apply_kernel,
    describe_pixel,
    explain_pixel,
    format_number,
    make_kernel,
    read_kernel,
    resize_kernel,
)

SIZES = (1, 3, 5, 7, 9, 11)
IMAGE = torch.rand(6, 9, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "nines"),
    [
        ("identity", [0, 0, 0, 0, 9, 0, 0, 0, 0]),
        ("blur", [1, 1, 1, 1, 1, 1, 1, 1, 1]),
        ("sharpen", [-1, -1, -1, -1, 17, -1, -1, -1, -1]),
        ("vertical edges", [-3, 0, 3, -3, 0, 3, -3, 0, 3]),
        ("horizontal edges", [-3, -3, -3, 0, 0, 0, 3, 3, 3]),
        ("outline", [-1, -1, -1, -1, 8, -1, -1, -1, -1]),
    ],
)
def test_the_3_by_3_kernels_have_these_weights(name, nines):
    expected = torch.tensor(nines).reshape(3, 3) / 9
    torch.testing.assert_close(make_kernel(name), expected)


def test_a_5_by_5_edge_kernel_is_the_mean_of_the_right_minus_the_mean_of_the_left():
    expected = torch.tensor([[-0.1, -0.1, 0, 0.1, 0.1]]).repeat(5, 1)
    torch.testing.assert_close(make_kernel("vertical edges", 5), expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", KERNELS)
def test_a_flat_area_stays_or_vanishes_at_every_size(name, size):
    kernel = make_kernel(name, size)
    assert kernel.shape == (size, size)
    assert kernel.dtype == torch.float32
    total = 1 if name in ("identity", "blur", "sharpen") else 0
    assert kernel.sum().item() == pytest.approx(total, abs=1e-6)


def test_a_1_by_1_kernel_keeps_the_image_or_sees_nothing():
    weights = {name: make_kernel(name, 1).item() for name in KERNELS}
    assert weights == {
        "identity": 1, "blur": 1, "sharpen": 1, "vertical edges": 0, "horizontal edges": 0, "outline": 0,
    }  # fmt: skip


@pytest.mark.parametrize("size", [0, -3, 3.0, "3", 4, True])
def test_a_size_that_can_not_work_is_named(size):
    with pytest.raises(ConfigError) as caught:
        make_kernel("blur", size)
    words = f"size must be an odd whole number of 1 or more, got {size!r}; try 3 or 5"
    assert str(caught.value) == words
    with pytest.raises(ConfigError, match=r"^size must be an odd whole number"):
        resize_kernel(torch.ones(1, 1), size)


def test_a_kernel_ends_at_11():
    with pytest.raises(ConfigError, match=r"^size goes up to 11, got 13"):
        make_kernel("blur", 13)


def test_an_unknown_kernel_is_answered_with_the_nearest_and_the_list():
    with pytest.raises(ConfigError, match=r"unknown kernel 'blurr'; did you mean 'blur'\? choose from 'identity'"):
        make_kernel("blurr")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", SIZES)
def test_the_output_is_scipys_correlation(size, dtype):
    kernel = torch.randn(size, size, generator=torch.Generator().manual_seed(size))
    output = apply_kernel(IMAGE.to(dtype), kernel)
    expected = ndimage.correlate(IMAGE.double().numpy(), kernel.double().numpy(), mode="constant")
    assert output.dtype == dtype
    np.testing.assert_allclose(output.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_the_kernel_is_not_flipped():
    image = torch.zeros(3, 3)
    image[1, 1] = 1
    kernel = torch.arange(9.0).reshape(3, 3)
    assert apply_kernel(image, kernel).tolist() == [[8, 7, 6], [5, 4, 3], [2, 1, 0]]


@pytest.mark.parametrize("size", SIZES)
def test_the_sum_of_the_products_is_the_output_pixel_everywhere(size):
    kernel = make_kernel("sharpen", size)
    output = apply_kernel(IMAGE, kernel)
    for row, column in np.ndindex(6, 9):
        patch, products, total = explain_pixel(IMAGE, kernel, row, column)
        assert patch.shape == products.shape == (size, size)
        assert patch[size // 2, size // 2] == IMAGE[row, column]
        assert total == pytest.approx(output[row, column].item(), abs=1e-5)


def test_a_corner_reads_zeros_from_outside():
    image = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    patch, products, total = explain_pixel(image, torch.full((3, 3), 0.5), 0, 1)
    assert patch.tolist() == [[0, 0, 0], [1, 2, 0], [3, 4, 0]]
    assert products.tolist() == [[0, 0, 0], [0.5, 1, 0], [1.5, 2, 0]]
    assert total == 5


def test_a_patch_is_a_copy():
    image = torch.ones(3, 3)
    patch, _, _ = explain_pixel(image, make_kernel("identity", 1), 1, 1)
    patch.zero_()
    assert image.sum() == 9


@pytest.mark.parametrize(
    ("image", "got"),
    [
        (torch.zeros(3, 3, dtype=torch.uint8), "uint8 (3, 3)"),
        (torch.zeros(1, 3, 3), "float32 (1, 3, 3)"),
        (torch.zeros(0, 3), "float32 (0, 3)"),
        ([[0.0]], "list"),
    ],
)
def test_a_wrong_image_is_refused_in_words(image, got):
    for use in (apply_kernel, lambda image, kernel: explain_pixel(image, kernel, 0, 0)):
        with pytest.raises(ConfigError) as caught:
            use(image, make_kernel("blur"))
        assert str(caught.value) == f"image must be a float tensor (H, W) with pixels, got {got}"


@pytest.mark.parametrize("kernel", [torch.zeros(2, 2), torch.zeros(3, 5), torch.zeros(3, 3, dtype=torch.int64), 3])
def test_a_wrong_kernel_is_refused_in_words(kernel):
    for use in (apply_kernel, lambda image, kernel: explain_pixel(image, kernel, 0, 0)):
        with pytest.raises(ConfigError, match=r"kernel must be a float tensor \(K, K\) with K odd, got "):
            use(IMAGE, kernel)


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        (6, 0, "row must be a whole number from 0 to 5, got 6"),
        (-1, 0, "row must be a whole number from 0 to 5, got -1"),
        (0, 9, "column must be a whole number from 0 to 8, got 9"),
        (0, 1.0, "column must be a whole number from 0 to 8, got 1.0"),
        (torch.tensor(1.5), 0, "row must be a whole number from 0 to 5, got tensor(1.5000)"),
    ],
)
def test_a_pixel_outside_is_refused(row, column, words):
    with pytest.raises(ConfigError) as caught:
        explain_pixel(IMAGE, make_kernel("blur"), row, column)
    assert str(caught.value) == words


def test_typed_numbers_become_a_kernel():
    kernel = read_kernel([0, "1", "-2.5", "−3", " 4 ", 5.5, "1e-1", "0", "0"])
    torch.testing.assert_close(kernel, torch.tensor([[0, 1, -2.5], [-3, 4, 5.5], [0.1, 0, 0]]))


@pytest.mark.parametrize("text", ["", "abc", "0,5", "nan", "inf", "1001", "-1e30", None])
def test_a_text_that_is_no_number_is_named_with_its_place(text):
    with pytest.raises(ConfigError) as caught:
        read_kernel([0, 0, 0, 0, 0, text, 0, 0, 0])
    place = "the kernel's number at row 1, column 2"
    assert str(caught.value) == f"{place} must be a number from −1000 to 1000, got {text!r}; try 0.5"


@pytest.mark.parametrize(
    ("count", "words"), [(8, "got 8"), (0, "got 0"), (4, "got 4"), (16, "got 16"), (169, "got 169")]
)
def test_the_count_of_typed_numbers_must_be_a_square(count, words):
    with pytest.raises(ConfigError, match=f"^a kernel has 1, 9, 25, 49, 81 or 121 numbers, {words}; try 9$"):
        read_kernel([0] * count)


def test_a_kernel_keeps_its_centre_when_it_grows_and_shrinks():
    kernel = torch.arange(9.0).reshape(3, 3)
    grown = resize_kernel(kernel, 5)
    assert grown[1:4, 1:4].tolist() == kernel.tolist()
    assert grown.sum() == kernel.sum()
    assert resize_kernel(grown, 3).tolist() == kernel.tolist()
    assert resize_kernel(kernel, 1).tolist() == [[4]]


def test_one_line_says_what_happens_at_a_pixel():
    image = torch.ones(4, 4)
    blur = make_kernel("blur")
    assert describe_pixel(image, blur, 1, 2) == "row 1, column 2: 9 products, sum 1.00"
    corner = "row 0, column 3: 9 products (5 with a zero from outside the picture), sum 0.44"
    assert describe_pixel(image, blur, 0, 3) == corner
    assert describe_pixel(image, -make_kernel("blur", 1), 0, 0) == "row 0, column 0: 1 product, sum −1.00"


def test_a_rounded_zero_has_no_sign():
    assert [format_number(value) for value in (-0.001, 0.005001, -1.5)] == ["0.00", "0.01", "−1.50"]
